#!/usr/bin/env node
// @ts-check
// `npm run build`: dist/ is the library, a file a module; dist/cli/main.js is the command, bundled into one file, since
// finding and reading twenty files takes longer than most of what the command is asked to do.
import { spawnSync } from 'node:child_process'
import { chmodSync, mkdirSync, renameSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'

const root = path.dirname(fileURLToPath(import.meta.url))
process.chdir(root)

const tsc = path.join(path.dirname(createRequire(import.meta.url).resolve('typescript/package.json')), 'bin', 'tsc')
const types = spawnSync(process.execPath, [tsc, '-p', 'tsconfig.build.json'], { stdio: 'inherit' })
const { outputFiles } = await build({
  entryPoints: ['src/cli/main.ts'],
  outfile: 'dist/cli/main.js',
  bundle: true,
  write: false,
  format: 'esm',
  platform: 'node',
  target: 'node20',
  conditions: ['source'],
  // loaded when they are needed, where they are installed
  external: ['@cloudpss/zstd', 'pg', 'pg-copy-streams'],
  // zstddec loads its WebAssembly by fetch() where there is one, for which Node.js would load all of its HTTP client
  define: { fetch: 'undefined' },
  minifyWhitespace: true,
  minifySyntax: true,
  logLevel: 'warning',
})
// By rename: whoever runs the command meanwhile, as tests do, finds the old one or the new one.
mkdirSync('dist/cli', { recursive: true })
for (const { path: file, contents } of outputFiles) {
  writeFileSync(`${file}.new`, contents)
  chmodSync(`${file}.new`, 0o755)
  renameSync(`${file}.new`, file)
}
// The compiler writes dist/ whatever it has to say about types: so there is something to try, and a failure to see.
process.exitCode = types.status ?? 1
