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
const [main, help, compiledCode] = ['main', 'help', 'compiled-code'].map((name) =>
  path.join(root, `src/cli/${name}.ts`),
)
const loaders = [main, help]
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
  setup({ onResolve, onLoad }) {
    onResolve({ filter: /^\.\/|^zstddec\/stream$/ }, ({ kind, importer, path: wanted }) => {
      if (kind !== 'dynamic-import') return undefined
      if (wanted === 'zstddec/stream') return { path: './zstddec.js', namespace: 'later' }
      if (!loaders.includes(importer)) return undefined
      return { path: wanted.replace(/\.ts$/, '.js'), namespace: importer === main ? 'verb' : 'later' }
    })
    onLoad({ filter: /.*/, namespace: 'verb' }, ({ path: file }) => ({
      contents: `module.exports = require(${JSON.stringify(compiledCode)}).loadCompiled(${JSON.stringify(file)})`,
      resolveDir: root,
    }))
    onLoad({ filter: /.*/, namespace: 'later' }, ({ path: file }) => ({
      contents: `module.exports = require(${JSON.stringify(file)})`,
    }))
    onResolve({ filter: /.*/, namespace: 'later' }, ({ path: file }) => ({ path: file, external: true }))
  },
}

/**
 * What scripts lack of modules. A script that is made from code compiled before cannot import: it does so by a function
 * that src/cli/compiled-code.ts gives.
 */
const banner = [
  '"use strict";const importMeta={',
  "get url(){return require('node:url').pathToFileURL(__filename).href},",
  "import:typeof importModule==='function'?importModule:specifier=>import(specifier)};",
].join('')
const withoutImport = (/** @type {string} */ code) =>
  code
    .split(banner)
    .map((part) => part.replaceAll(/\bimport\(/g, 'importMeta.import('))
    .join(banner)

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
  // V8 takes code that it has compiled before for scripts, not for modules: see src/cli/compiled-code.ts
  format: 'cjs',
  platform: 'node',
  target: 'node20',
  conditions: ['source'],
  // loaded when they are needed, where they are installed
  external: ['@cloudpss/zstd', '@electric-sql/pglite', '@viz-js/viz', 'pg', 'pg-copy-streams'],
  plugins: [loadedLater],
  // zstddec loads its WebAssembly by fetch() where there is one, for which Node.js would load all of its HTTP client
  define: { fetch: 'undefined', 'import.meta.url': 'importMeta.url' },
  banner: { js: banner },
  minifyWhitespace: true,
  minifySyntax: true,
  logLevel: 'warning',
})
mkdirSync('dist/cli', { recursive: true })
writeFileSync('dist/cli/package.json', '{ "type": "commonjs" }\n')
// By rename: whoever runs the command meanwhile, as tests do, finds the old one or the new one.
for (const { path: file, text } of outputFiles) {
  const isMain = path.basename(file) === 'main.js'
  writeFileSync(`${file}.new`, isMain ? text : withoutImport(text))
  if (isMain) chmodSync(`${file}.new`, 0o755)
  renameSync(`${file}.new`, file)
}
// The compiler writes dist/ whatever it has to say about types: so there is something to try, and a failure to see.
process.exitCode = types.status ?? 1
