import fs from 'node:fs'
import type { FileHandle } from 'node:fs/promises'
import { syncBuiltinESMExports } from 'node:module'

/** One call to the file system, before it is made. */
export interface SystemCall {
  /** From 1. */
  readonly number: number
  readonly name: string
  /** What it is called with, a callback included. */
  readonly args: readonly unknown[]
}

/** What is to become of a call: `fail` with the error, do `less` than asked (reads and writes), or go through. */
export type Fate = { readonly fail: Error } | 'less' | undefined

/** Calls that are being watched. */
export interface Watch {
  /** Names of the calls so far, in order. */
  readonly calls: readonly string[]
  restore(): void
}

type Callable = (...args: unknown[]) => unknown

const callbacks = ['open', 'read', 'write', 'fsync', 'close', 'fstat', 'fchmod', 'fchown'] as const
const promises = [
  'chmod',
  'chown',
  'link',
  'lstat',
  'mkdir',
  'opendir',
  'readFile',
  'readdir',
  'readlink',
  'realpath',
  'rename',
  'rm',
  'rmdir',
  'stat',
  'unlink',
] as const

/** What is done with a file that `fs.promises.open` gives. */
const ofHandles = ['read', 'readFile', 'stat', 'sync', 'truncate', 'writeFile'] as const

/** Puts `make(original)` in the place of a function, and gives what puts it back. */
function replace(holder: object, name: string, make: (original: Callable) => Callable): () => void {
  const original = Reflect.get(holder, name) as Callable // the names above are those of functions
  Reflect.set(holder, name, Object.assign(make(original), original))
  return () => Reflect.set(holder, name, original)
}

/** The buffer, offset and length of a read or write with half the length, at least one byte. */
function lessOf(args: readonly unknown[]): unknown[] {
  const [descriptor, buffer, offset, length, ...rest] = args
  return [descriptor, buffer, offset, typeof length === 'number' ? Math.max(1, length >> 1) : length, ...rest]
}

/**
 * Lets `fate` decide over every call to node:fs in this process that the library makes. A `close` that fails has closed,
 * as on Linux. Numbers and names of the calls are in the order in which they are made.
 */
export function watchCalls(fate: (call: SystemCall) => Fate): Watch {
  const calls: string[] = []
  const decide = (name: string, args: readonly unknown[]): Fate => fate({ number: calls.push(name), name, args })
  const byCallback =
    (name: string) =>
    (original: Callable): Callable =>
    (...args) => {
      const decided = decide(name, args)
      if (decided === undefined) return original(...args)
      if (decided === 'less') return original(...(name === 'read' || name === 'write' ? lessOf(args) : args))
      const callback = args.pop()
      if (typeof callback !== 'function') throw new Error(`${name} has no callback`)
      if (name === 'close') return original(...args, () => callback(decided.fail))
      return setImmediate(() => callback(decided.fail))
    }
  const byPromise =
    (name: string) =>
    (original: Callable): Callable =>
    async (...args) => {
      const decided = decide(name, args)
      if (typeof decided === 'object') throw decided.fail
      return await original.apply(fs.promises, args)
    }
  const ofHandle =
    (name: string) =>
    (original: Callable): Callable =>
    async (...args) => {
      const decided = decide(`handle.${name}`, args)
      // in either case it is closed
      if (name === 'close') await Reflect.apply(original, undefined, args)
      if (typeof decided === 'object') throw decided.fail
      return name === 'close' ? undefined : await Reflect.apply(original, undefined, args)
    }
  const opening =
    (original: Callable): Callable =>
    async (...args) => {
      const decided = decide('promises.open', args)
      if (typeof decided === 'object') throw decided.fail
      // of this module
      const handle = (await original.apply(fs.promises, args)) as FileHandle
      for (const name of [...ofHandles, 'close'] as const) {
        replace(handle, name, (method) => ofHandle(name)(method.bind(handle)))
      }
      return handle
    }
  const originals = [
    replace(fs.promises, 'open', opening),
    ...callbacks.map((name) => replace(fs, name, byCallback(name))),
    ...promises.map((name) => replace(fs.promises, name, byPromise(name))),
    replace(fs.realpath, 'native', byCallback('realpath.native')),
  ]
  syncBuiltinESMExports()
  return {
    calls,
    restore() {
      for (const put of originals) put()
      syncBuiltinESMExports()
    },
  }
}
