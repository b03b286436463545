#!/usr/bin/env node
// @ts-check
// `npm run build`: dist/ is the library, a file a module; dist/cli/main.js is the command. What it is asked to do lies
// in one file for each verb, since finding and reading twenty files, or compiling what the other verbs need, takes
// longer than most of what the command is asked to do.
import { spawnSync } from 'node:child_process'
import { chmodSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'

const root = path.dirname(fileURLToPath(import.meta.url))
process.chdir(root)

const tsc = path.join(path.dirname(createRequire(import.meta.url).resolve('typescript/package.json')), 'bin', 'tsc')
const types = spawnSync(process.execPath, [tsc, '-p', 'tsconfig.build.json'], { stdio: 'inherit' })

/** The files that load others when they are asked for them. */
const loaders = ['main', 'help'].map((name) => path.join(root, 'src', 'cli', `${name}.ts`))
/** What they load: the verbs, and the longer texts of help. */
const loaded = new Set(
  loaders.flatMap((file) =>
    Array.from(readFileSync(file, 'utf8').matchAll(/import\('\.\/([\w-]+)\.ts'\)/g), ([, name]) => name),
  ),
)

/**
 * What is loaded when it is needed: those files, and the WebAssembly of zstddec, which all of them share. What esbuild
 * is to load later itself it wraps, with all that hangs on it, in a function a file, and leaves out less of it.
 * @type {import('esbuild').Plugin}
 */
const loadedLater = {
  name: 'loaded-later',
  setup({ onResolve }) {
    onResolve({ filter: /^\.\/|^zstddec\/stream$/ }, ({ kind, importer, path: wanted }) => {
      if (kind !== 'dynamic-import') return undefined
      if (wanted === 'zstddec/stream') return { path: './zstddec.js', external: true }
      return loaders.includes(importer) ? { path: wanted.replace(/\.ts$/, '.js'), external: true } : undefined
    })
  },
}

const { outputFiles } = await build({
  entryPoints: {
    main: 'src/cli/main.ts',
    zstddec: 'zstddec/stream',
    'check-worker': 'src/inspect/check-worker.ts',
    ...Object.fromEntries(Array.from(loaded, (name) => [name, `src/cli/${name}.ts`])),
  },
  outdir: 'dist/cli',
  bundle: true,
  write: false,
  format: 'esm',
  platform: 'node',
  target: 'node20',
  conditions: ['source'],
  // loaded when they are needed, where they are installed
  external: ['@cloudpss/zstd', '@electric-sql/pglite', '@viz-js/viz', 'pg', 'pg-copy-streams'],
  plugins: [loadedLater],
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
  if (path.basename(file) === 'main.js') chmodSync(`${file}.new`, 0o755)
  renameSync(`${file}.new`, file)
}
// The compiler writes dist/ whatever it has to say about types: so there is something to try, and a failure to see.
process.exitCode = types.status ?? 1
