#!/usr/bin/env node
// @ts-check
// `npm run build`: dist/ is the library, a file a module; dist/cli/ is the command, bundled, since finding and reading a
// hundred small files takes longer than most of what the command is asked to do.
import { spawnSync } from 'node:child_process'
import { rmSync } from 'node:fs'
import { createRequire } from 'node:module'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'

const root = path.dirname(fileURLToPath(import.meta.url))
process.chdir(root)
rmSync('dist/cli', { recursive: true, force: true })
const tsc = path.join(path.dirname(createRequire(import.meta.url).resolve('typescript/package.json')), 'bin', 'tsc')
const types = spawnSync(process.execPath, [tsc, '-p', 'tsconfig.build.json'], { stdio: 'inherit' })
await build({
  // the thread looks for its code beside the module that starts it
  entryPoints: { main: 'src/cli/main.ts', worker: 'src/codec/worker.ts' },
  outdir: 'dist/cli',
  bundle: true,
  splitting: true,
  format: 'esm',
  platform: 'node',
  target: 'node20',
  conditions: ['source'],
  packages: 'external',
  minifyWhitespace: true,
  minifySyntax: true,
  logLevel: 'warning',
})
// The compiler writes dist/ whatever it has to say about types: so there is something to try, and a failure to see.
process.exitCode = types.status ?? 1
