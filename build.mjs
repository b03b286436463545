#!/usr/bin/env node
// @ts-check
// `npm run build`: dist/ is the library, a file a module; dist/cli/ is the command, bundled, since finding and reading a
// hundred small files takes longer than most of what the command is asked to do.
import { spawnSync } from 'node:child_process'
import { readFileSync, rmSync } from 'node:fs'
import { createRequire } from 'node:module'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'

const root = path.dirname(fileURLToPath(import.meta.url))
process.chdir(root)
rmSync('dist/cli', { recursive: true, force: true })

/** Where each name that src/index.ts gives out comes from. */
const origins = new Map(
  [...readFileSync('src/index.ts', 'utf8').matchAll(/^export \{([^}]*)\} from '(.*)'$/gm)].flatMap(([, names, from]) =>
    (names ?? '').split(',').map((name) => /** @type {const} */ ([name.trim(), from])),
  ),
)

/**
 * Every command imports src/index.ts, which imports everything: esbuild would then put all of it into one file that each
 * command loads. So the bundle imports each name from the module that defines it.
 * @type {import('esbuild').Plugin}
 */
const withoutIndex = {
  name: 'without-index',
  setup({ onLoad }) {
    onLoad({ filter: /[/\\]src[/\\]cli[/\\][^/\\]*\.ts$/ }, ({ path: file }) => ({
      loader: 'ts',
      contents: readFileSync(file, 'utf8').replaceAll(
        /^import \{([^}]*)\} from '\.\.\/index\.ts'$/gm,
        (_, names) =>
          names
            .split(',')
            .map((/** @type {string} */ name) => name.trim())
            .filter((/** @type {string} */ name) => name !== '' && !name.startsWith('type '))
            .map((/** @type {string} */ name) => {
              const from = origins.get(name.split(' as ')[0] ?? '')
              if (from === undefined) throw new Error(`${file}: src/index.ts has no ${name}`)
              return `import { ${name} } from '.${from}'`
            })
            .join(';') + '\n'.repeat(names.split('\n').length - 1),
      ),
    }))
  },
}
const tsc = path.join(path.dirname(createRequire(import.meta.url).resolve('typescript/package.json')), 'bin', 'tsc')
const types = spawnSync(process.execPath, [tsc, '-p', 'tsconfig.build.json'], { stdio: 'inherit' })
await build({
  entryPoints: { main: 'src/cli/main.ts' },
  outdir: 'dist/cli',
  bundle: true,
  splitting: true,
  format: 'esm',
  platform: 'node',
  target: 'node20',
  conditions: ['source'],
  packages: 'external',
  plugins: [withoutIndex],
  minifyWhitespace: true,
  minifySyntax: true,
  logLevel: 'warning',
})
// The compiler writes dist/ whatever it has to say about types: so there is something to try, and a failure to see.
process.exitCode = types.status ?? 1
