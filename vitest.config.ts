import { availableParallelism } from 'node:os'
import { fileURLToPath } from 'node:url'
import { defineConfig } from 'vitest/config'
import { BaseSequencer, type TestSpecification } from 'vitest/node'
import manifest from './package.json' with { type: 'json' }
import { SkipReporter } from './test/helpers/skip-reporter.ts'

/** Where to write the results for a program to read (`.ci/run`). */
const report = process.env['PGDMP_TEST_REPORT']

/** Begins with what takes minutes, though its file is small: last, it would run alone. */
class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const sorted = await super.sort(files)
    const isLong = ({ moduleId }: TestSpecification): boolean => moduleId.endsWith('/oracles-command.test.ts')
    return [...sorted.filter(isLong), ...sorted.filter((file) => !isLong(file))]
  }
}

export default defineConfig({
  resolve: {
    // Tests of src/ take the platform from src/. The condition `source` would do the same, but vitest would hand it down
    // to Node.js, and dist/ would then load src/ as well.
    alias: Object.entries(manifest.imports).map(([find, { source }]) => ({
      find,
      replacement: fileURLToPath(new URL(source, import.meta.url)),
    })),
  },
  test: {
    include: ['test/**/*.test.ts'],
    globalSetup: 'test/global-setup.ts',
    env: { TZ: 'UTC' },
    pool: 'forks',
    sequence: { sequencer: LongestFirst },
    maxWorkers: availableParallelism(),
    maxConcurrency: availableParallelism() + 1,
    testTimeout: 60_000,
    hookTimeout: 300_000,
    // Tests of the shipped package load dist/ natively, as a user's program would.
    server: { deps: { external: [/\/dist\/[\w./-]*\.js$/] } },
    reporters: ['default', new SkipReporter(), ...(report === undefined ? [] : ['json'])],
    ...(report === undefined ? {} : { outputFile: { json: report } }),
  },
})
