import { readFileSync, readdirSync } from 'node:fs'
import { builtinModules } from 'node:module'
import { dirname, join, posix, relative } from 'node:path'
import { expect, test } from 'vitest'
import { root } from './helpers/paths.ts'

/** What a source file takes from elsewhere. */
interface Import {
  readonly specifier: string
  /** Erased by the compiler: ties no code to code. */
  readonly typeOnly: boolean
  /** `import()` inside a function: it cannot make a cycle at start-up. */
  readonly dynamic: boolean
  /** `export … from`. */
  readonly reexport: boolean
}

interface SourceFile {
  /** Path below src/. */
  readonly path: string
  /** `io`, `toc`, … or the name of a file at the top. */
  readonly layer: string
  readonly text: string
  /** Without comments; strings are kept. */
  readonly code: string
  /** Without comments and the contents of strings. */
  readonly bare: string
  readonly imports: readonly Import[]
}

/** Takes comments out of `text`, and the contents of strings too where asked. Regular expressions are left as they are. */
function strip(text: string, strings: 'keep' | 'empty'): string {
  const token =
    /(\/\*[\s\S]*?\*\/|\/\/[^\n]*)|('(?:[^'\\\n]|\\.)*'|"(?:[^"\\\n]|\\.)*"|`(?:[^`\\]|\\[\s\S])*`)|((?<=[(,=:[!&|?{};\n]\s*|\breturn\s+)\/(?![*/])(?:[^/\\\n[]|\\.|\[(?:[^\]\\\n]|\\.)*\])+\/[a-z]*)/g
  return text.replace(token, (all: string, comment?: string, string?: string) => {
    if (comment !== undefined) return ' '
    if (string === undefined || strings === 'keep') return all
    // What a template inserts is code.
    if (string.startsWith('`'))
      return `\`${[...string.matchAll(/\$\{([^{}]*)\}/g)].map((match) => match[1]).join(' ')}\``
    return "''"
  })
}

function importsOf(code: string): Import[] {
  const found: Import[] = []
  const statement =
    /^\s*(import|export)\s+(type\s+)?((?:[\w$*]|\{[^}]*\}|,|\s)*?)\s*from\s*(['"])([^'"]+)\4|^\s*import\s*(['"])([^'"]+)\6/gm
  for (const match of code.matchAll(statement)) {
    const named = /^\{([^}]*)\}$/.exec((match[3] ?? '').trim())?.[1]
    const names = (named ?? '').split(',').map((name) => name.trim())
    const allTypes = named !== undefined && names.every((name) => name === '' || name.startsWith('type '))
    const specifier = match[5] ?? match[7] ?? ''
    const typeOnly = match[2] !== undefined || allTypes
    found.push({ specifier, typeOnly, dynamic: false, reexport: match[1] === 'export' })
  }
  // `import('…')` as an expression; `typeof import('…')` and `import('…').Type` are types.
  for (const match of code.matchAll(/(typeof\s+|[:<|&]\s*)?\bimport\(\s*(['"])([^'"]+)\2\s*\)/g)) {
    found.push({ specifier: match[3] ?? '', typeOnly: match[1] !== undefined, dynamic: true, reexport: false })
  }
  return found
}

function readSources(): SourceFile[] {
  const src = join(root, 'src')
  return readdirSync(src, { recursive: true, withFileTypes: true })
    .filter((item) => item.isFile() && item.name.endsWith('.ts'))
    .map((item) => {
      const full = join(item.parentPath, item.name)
      const path = relative(src, full)
      const text = readFileSync(full, 'utf8')
      const code = strip(text, 'keep')
      const layer = path.includes('/') ? (path.split('/')[0] ?? '') : path
      return { path, layer, text, code, bare: strip(text, 'empty'), imports: importsOf(code) }
    })
    .sort((a, b) => (a.path < b.path ? -1 : 1))
}

const sources = readSources()
const byPath = new Map(sources.map((file) => [file.path, file]))

/** Import maps of package.json: the file below src/ that a `#name` means in Node. */
const aliases = new Map([
  ['#io/platform', 'io/platform.node.ts'],
  ['#codec/platform', 'codec/platform.node.ts'],
])

/** The file below src/ that an import means; undefined for packages and Node's own modules. */
function targetOf(file: SourceFile, { specifier }: Import): string | undefined {
  if (aliases.has(specifier)) return aliases.get(specifier)
  if (!specifier.startsWith('.')) return undefined
  return posix.normalize(posix.join(dirname(file.path), specifier))
}

const foundation = ['errors.ts', 'limits.ts']

/** What checks the arguments of public functions. */
const border = 'check-options.ts'

/** What each layer may import: other layers, `type:` before those of which it may see types only. */
const allowed: Readonly<Record<string, readonly string[]>> = {
  'errors.ts': [],
  'limits.ts': [],
  'package-version.ts': [],
  'closest.ts': [],
  'check-options.ts': ['errors.ts', 'limits.ts', 'closest.ts'],
  bytes: foundation,
  time: ['type:toc'],
  io: [...foundation, 'bytes', 'time', 'type:toc', 'type:codec'],
  // whether its thread is free, and how to leave it to others for a moment
  codec: [...foundation, 'bytes', 'io/calling-thread.ts', 'io/turns.ts', 'type:io', 'type:toc'],
  copy: [...foundation, 'bytes', 'type:toc', 'type:codec', 'type:io'],
  sql: [...foundation, 'bytes', 'type:toc', 'type:codec', 'type:io'],
  toc: [...foundation, 'bytes', 'time', 'type:codec', 'type:io'],
  format: [...foundation, 'bytes', 'io', 'codec', 'toc', 'type:view.ts'],
  'view.ts': [...foundation, 'bytes', 'format', 'type:io', 'type:toc', 'type:codec'],
  'archive.ts': [...foundation, border, 'bytes', 'io', 'codec', 'toc', 'format', 'view.ts'],
  author: [...foundation, 'bytes', 'io', 'toc', 'copy', 'format', 'type:create.ts'],
  'create.ts': [
    ...foundation,
    border,
    'bytes',
    'toc',
    'sql',
    'format',
    'author',
    'package-version.ts',
    'type:codec',
    'type:io',
  ],
  'write-view.ts': [...foundation, 'bytes', 'io', 'codec', 'toc', 'format', 'view.ts'],
  // what is salvaged is written by `convert`; receipts hold the digests of a view
  inspect: [
    ...foundation,
    border,
    'package-version.ts',
    'bytes',
    'io',
    'codec',
    'toc',
    'format',
    'copy',
    'sql',
    'view.ts',
    'archive.ts',
    'ops',
  ],
  // What toSql and rows give are ByteStreams, so ops may make them; other I/O is none of their business.
  ops: [
    ...foundation,
    border,
    'bytes',
    'copy',
    'sql',
    'view.ts',
    'archive.ts',
    'create.ts',
    'write-view.ts',
    'toc',
    'io/byte-stream.ts',
    // digests are made of bytes that views give: no decoding
    'codec/random.ts',
    'codec/sha256.ts',
    // for names that are not there
    'closest.ts',
    'type:io',
    'type:codec',
  ],
  // how libpq reads what says where to connect to: for who connects, and for who looks whether a secret is in it
  libpq: ['errors.ts', 'bytes'],
  // reads the table of contents and its SQL; what it says is computed, never read or written
  audit: [
    ...foundation,
    border,
    'closest.ts',
    'package-version.ts',
    'bytes',
    'copy',
    'sql',
    'toc',
    'view.ts',
    'ops',
    'libpq',
    'codec/sha256.ts',
    'type:io',
    'type:codec',
  ],
  // what a script says, sent to a server instead; a check before reads its statements as an audit does, data that are
  // counted are streams of their own, and a place of a drill is a target that is made for it
  restore: [
    ...foundation,
    border,
    'bytes',
    'copy',
    'sql',
    'toc',
    'ops',
    'audit',
    'view.ts',
    'type:io',
    'io/abort.ts',
    'io/byte-stream.ts',
    // a journal is kept in a file, and tells one restore from another by a digest
    'io/journal-file.ts',
    'codec/sha256.ts',
    'type:drill',
  ],
  // restores, and compares what is there with the archive, in digests made of bytes that views and servers give
  drill: [
    ...foundation,
    border,
    'package-version.ts',
    'bytes',
    'codec/sha256.ts',
    'copy',
    'sql',
    'toc',
    'view.ts',
    'ops',
    'audit',
    'restore',
    'io/byte-stream.ts',
  ],
  // runs a server of its own for a drill: programs, folders and ports, none of which the library itself needs
  embedded: ['errors.ts', border, 'drill', 'restore'],
  // what connects to a server is no part of the library's own entry: it needs packages that few have
  // the drop-in asks what an archive version has, as pg_restore does
  // the command has nothing else to do while it reads and writes, which the library cannot know of a program
  // a script is written over nothing that is being read: the library leaves that to whoever opens the output
  // what a server is asked before there is anything to restore hears the signal, too
  // a dump is kept by what is no part of the library either, before it has shown what else it is good for
  cli: [
    'index.ts',
    'restore/authentication.ts',
    'restore/scram-keys.ts',
    'restore/pg.ts',
    'restore/pg-client.ts',
    'restore/pglite.ts',
    'restore/questions.ts',
    'embedded/place.ts',
    'toc/version.ts',
    'inspect/keep-archive.ts',
    'io/calling-thread.ts',
    'io/output-place.ts',
    'libpq',
  ],
}

/** Node's modules, and the layers that may use them (rule 6; `cli` may use what a program needs). */
const nodeModules: Readonly<Record<string, readonly string[]>> = {
  fs: ['io', 'cli', 'embedded'],
  'fs/promises': ['io', 'cli'],
  stream: ['io', 'cli'],
  'stream/web': ['io'],
  zlib: ['codec', 'cli'],
  worker_threads: ['codec'],
  crypto: ['codec'],
  path: ['io', 'cli', 'embedded'],
  url: ['io', 'cli'],
  os: ['io', 'cli', 'codec', 'embedded'],
  net: ['io', 'embedded'],
  module: ['cli', 'codec', 'embedded'],
  process: ['cli'],
  child_process: ['cli', 'embedded'],
  buffer: ['cli', 'codec'],
  events: ['cli', 'io'],
  util: ['cli'],
  tty: ['cli'],
  v8: ['cli'],
  vm: ['cli'],
  tls: ['cli'],
  readline: ['cli'],
  'readline/promises': ['cli'],
  timers: ['cli'],
  'timers/promises': ['cli'],
}

/** Every breach of `rule` in the sources, as one line each. */
function breaches(rule: (file: SourceFile) => Iterable<string>): string[] {
  return sources.flatMap((file) => [...rule(file)].map((text) => `${file.path}: ${text}`))
}

test('src/ has sources', () => {
  expect(sources.length).toBeGreaterThan(10)
})

test('every layer is known, and every import leads to a file', () => {
  expect(
    breaches(function* (file) {
      if (allowed[file.layer] === undefined && file.layer !== 'index.ts') yield `the layer ${file.layer} is new`
      for (const item of file.imports) {
        const target = targetOf(file, item)
        if (target !== undefined && !byPath.has(target)) yield `${item.specifier} does not exist`
      }
    }),
  ).toEqual([])
})

test('layers import lower layers only', () => {
  expect(
    breaches(function* (file) {
      const rule = allowed[file.layer]
      if (rule === undefined) return
      for (const item of file.imports) {
        const target = targetOf(file, item)
        const layer = target?.includes('/') === true ? (target.split('/')[0] ?? '') : target
        if (layer === undefined || layer === file.layer || rule.includes(layer)) continue
        if (item.typeOnly && rule.includes(`type:${layer}`)) continue
        if (target !== undefined && rule.includes(target)) continue
        yield `imports ${item.specifier}${item.typeOnly ? ' (types)' : ''}`
      }
    }),
  ).toEqual([])
})

test("Node's modules are used where the rules allow them", () => {
  expect(
    breaches(function* (file) {
      for (const { specifier, typeOnly } of file.imports) {
        if (builtinModules.includes(specifier)) yield `${specifier} must be written node:${specifier}`
        if (!specifier.startsWith('node:') || typeOnly) continue
        const name = specifier.slice('node:'.length)
        if (nodeModules[name]?.includes(file.layer) !== true) yield `imports ${specifier}`
      }
    }),
  ).toEqual([])
})

test('a browser loads none of them', () => {
  const loaded = new Set<SourceFile>()
  const load = (file: SourceFile | undefined): void => {
    if (file === undefined || loaded.has(file)) return
    loaded.add(file)
    for (const item of file.imports) {
      if (!item.typeOnly)
        load(byPath.get((targetOf(file, item) ?? '').replace(/\/platform\.node\.ts$/, '/platform.browser.ts')))
    }
  }
  load(byPath.get('index.ts'))
  const needing = [...loaded].filter((file) =>
    file.imports.some((item) => !item.typeOnly && item.specifier.startsWith('node:')),
  )
  expect(needing.map((file) => file.path)).toEqual([])
})

test('packages are imported by format, io, codec, what draws, and what connects to servers only', () => {
  const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))
  const { dependencies = {}, optionalDependencies = {}, peerDependencies = {} } = manifest
  const known = new Set([...Object.keys(dependencies), ...Object.keys(optionalDependencies)])
  expect(
    breaches(function* (file) {
      for (const { specifier, typeOnly, dynamic } of file.imports) {
        if (/^[.#]|^node:/.test(specifier)) continue
        const name = specifier.split('/', specifier.startsWith('@') ? 2 : 1).join('/')
        // optional ones must not be needed to load a file
        if (Object.hasOwn(peerDependencies, name) && (typeOnly || (dynamic && file.layer === 'restore'))) continue
        if (!known.has(name) && !typeOnly) yield `${specifier} is no dependency of the package`
        if (!['format', 'io', 'codec'].includes(file.layer) && file.path !== 'audit/html/draw.ts')
          yield `imports ${specifier}`
      }
    }),
  ).toEqual([])
})

test('process and console are used in cli/ only, and process by what starts programs', () => {
  expect(
    breaches(function* (file) {
      if (file.layer === 'cli') return
      if (file.layer === 'embedded' && !/(?<![\w$.'"])console\s*(\??\.|\[)/.test(file.bare)) return
      const used = /(?<![\w$.'"])(process|console)\s*(\??\.|\[)/.exec(file.bare)
      if (used !== null) yield `uses ${used[1]}`
    }),
  ).toEqual([])
})

test('there are no import cycles', () => {
  const state = new Map<string, 'open' | 'done'>()
  const cycles: string[] = []
  const visit = (file: SourceFile, trail: readonly string[]): void => {
    state.set(file.path, 'open')
    for (const item of file.imports) {
      const next = item.typeOnly || item.dynamic ? undefined : byPath.get(targetOf(file, item) ?? '')
      if (next === undefined) continue
      const path = [...trail, file.path]
      if (state.get(next.path) === 'open') cycles.push([...path.slice(path.indexOf(next.path)), next.path].join(' -> '))
      else if (state.get(next.path) === undefined) visit(next, path)
    }
    state.set(file.path, 'done')
  }
  for (const file of sources) if (!state.has(file.path)) visit(file, [])
  expect(cycles).toEqual([])
})

test('there are no default exports, barrels or top-level awaits', () => {
  expect(
    breaches(function* (file) {
      if (/^\s*export\s+default\b|\bas\s+default\b/m.test(file.bare)) yield 'has a default export'
      // A platform file names in one place what the platform gives, so that it can be swapped as a whole.
      const gathers = file.path === 'index.ts' || /\/platform\.\w+\.ts$/.test(file.path)
      // A type of its neighbour that belongs to a file's own signatures makes no barrel of it.
      const reexports = file.imports.some((item) => item.reexport && !item.typeOnly)
      if (reexports && !gathers) yield 'exports what another file declares'
      if (/^(?:export\s+)?(?:(?:const|let)\s[^=\n]*=\s*)?await\b|^for await\b/m.test(file.bare))
        yield 'awaits at top level'
    }),
  ).toEqual([])
})

test('files are short, and named by a subject', () => {
  expect(
    breaches(function* (file) {
      const lines = file.text.split('\n').length - 1
      if (lines > 450) yield `has ${lines} lines, more than 450`
      if (/(^|\/)(utils?|helpers?|misc|common|shared)\.ts$/.test(file.path)) yield 'has a name that says nothing'
    }),
  ).toEqual([])
})

test('versions are compared in toc/version.ts only', () => {
  expect(
    breaches(function* (file) {
      if (file.path === 'toc/version.ts') return
      const found = /version\.(?:major|minor)\s*(?:[<>]=?|===?|!==?)/.exec(file.bare)
      if (found !== null) yield `compares ${found[0]}`
    }),
  ).toEqual([])
})
