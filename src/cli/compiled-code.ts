import { closeSync, fstatSync, lstatSync, mkdirSync, openSync, readFileSync, renameSync, rmSync } from 'node:fs'
import { writeFileSync, type Stats } from 'node:fs'
import nodeModule, { createRequire } from 'node:module'
import { homedir } from 'node:os'
import { basename, dirname, isAbsolute, join } from 'node:path'
import { Script } from 'node:vm'
import { crc32 } from 'node:zlib'

/*
 * The command keeps what V8 has compiled of its files: reading and compiling them is half of what a short run takes. From
 * Node.js 22.8 on Node.js does that itself; before, this file does it likewise.
 */

/** A file with a function around it, as Node.js makes of one (`Module.wrap`), and `import()`: see build.mjs. */
type Wrapped = (
  exports: object,
  load: NodeJS.Require,
  module: object,
  filename: string,
  dirname: string,
  importModule: (specifier: string) => Promise<unknown>,
) => void
const PARAMETERS = 'exports, require, module, __filename, __dirname, importModule'

/** Before the code: what this is, CRC-32 of the source, CRC-32 of the code, a reserve; 32-bit integers. */
const HEAD_BYTES = 16
const MAGIC = 0x50_47_43_31

/** Loads one of the files beside this one. @param name as `./list.js` */
export function loadCompiled(name: string): unknown {
  const load = createRequire(import.meta.url)
  const folder = codeFolder()
  if (folder === undefined || nodeKeepsCode(folder)) return load(name)
  const file = load.resolve(name)
  const source = readFileSync(file)
  const stored = join(folder, `${basename(file)}.compiled`)
  const sourceCrc = crc32(source)
  const cachedData = readCode(stored, sourceCrc)
  const wrapped = `(function (${PARAMETERS}) {${source.toString('latin1')}\n})`
  const script = new Script(wrapped, {
    filename: file,
    ...(cachedData !== undefined && { cachedData }),
  })
  if (script.cachedDataRejected !== false) {
    // what has been called by then is in it
    process.once('exit', () => writeCode(stored, sourceCrc, script))
  }
  const module = { exports: {} }
  const run = script.runInThisContext() as Wrapped
  run(module.exports, createRequire(file), module, file, dirname(file), (specifier) => import(specifier))
  return module.exports
}

/** Has Node.js keep what it compiles, where it can; the types are those of the oldest release supported. */
function nodeKeepsCode(folder: string): boolean {
  const owner: object = nodeModule
  if (!('enableCompileCache' in owner) || typeof owner.enableCompileCache !== 'function') return false
  owner.enableCompileCache(folder)
  return true
}

/**
 * A folder of this user's where nobody else can put code that this process would run: in the one for temporary files
 * others can, and one who acts for another user may have that user's home.
 */
function codeFolder(): string | undefined {
  const { XDG_CACHE_HOME: given, NODE_DISABLE_COMPILE_CACHE: disabled } = process.env
  if (disabled !== undefined) return undefined
  try {
    const caches = given !== undefined && isAbsolute(given) ? given : join(homedir(), '.cache')
    const folder = join(caches, 'pgdmp')
    mkdirSync(folder, { recursive: true, mode: 0o700 })
    return isOurs(lstatSync(folder)) ? folder : undefined
  } catch {
    return undefined // this user has no home, or may not write there
  }
}

function isOurs({ uid, mode }: Stats): boolean {
  return process.geteuid === undefined || (uid === process.geteuid() && (mode & 0o022) === 0)
}

/** The code kept of a source; undefined where there is none, or it is damaged. Whether it is for this V8, V8 sees. */
function readCode(file: string, sourceCrc: number): Buffer | undefined {
  let descriptor: number | undefined
  try {
    descriptor = openSync(file, 'r')
    if (!isOurs(fstatSync(descriptor))) return undefined
    const bytes = readFileSync(descriptor)
    const code = bytes.subarray(HEAD_BYTES)
    const head = [0, 4, 8].map((at) => bytes.readUInt32LE(at))
    return head[0] === MAGIC && head[1] === sourceCrc && head[2] === crc32(code) ? code : undefined
  } catch {
    return undefined
  } finally {
    if (descriptor !== undefined) closeSync(descriptor)
  }
}

/** By rename, so that nobody reads a part; a run that cannot keep its code does without. */
function writeCode(file: string, sourceCrc: number, script: Script): void {
  const unfinished = `${file}.${process.pid}`
  try {
    const code = script.createCachedData()
    const head = Buffer.alloc(HEAD_BYTES)
    for (const [index, value] of [MAGIC, sourceCrc, crc32(code)].entries()) head.writeUInt32LE(value, index * 4)
    writeFileSync(unfinished, Buffer.concat([head, code]), { flag: 'wx', mode: 0o600 })
    renameSync(unfinished, file)
  } catch {
    discard(unfinished)
  }
}

function discard(file: string): void {
  try {
    rmSync(file, { force: true })
  } catch {
    // it cannot be reached, so it was not made either
  }
}
