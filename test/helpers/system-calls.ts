import fs from 'node:fs'
import { syncBuiltinESMExports } from 'node:module'

/** One call to the file system, before it is made. */
export interface SystemCall {
  /** From 1. */
  readonly number: number
  readonly name: string
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
  const decide = (name: string): Fate => fate({ number: calls.push(name), name })
  const byCallback =
    (name: string) =>
    (original: Callable): Callable =>
    (...args) => {
      const decided = decide(name)
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
      const decided = decide(name)
      if (typeof decided === 'object') throw decided.fail
      return await original.apply(fs.promises, args)
    }
  const originals = [
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
