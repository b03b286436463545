import fs from 'node:fs'
import { syncBuiltinESMExports } from 'node:module'

/** The calls that change something on disk, of those that output makes. */
const callbacks = ['open', 'write', 'fsync', 'close', 'fchmod'] as const
const promises = ['mkdir', 'rename', 'link', 'chmod'] as const

export interface FaultyDisk {
  /** Calls so far, by name, in order. */
  readonly calls: readonly string[]
  restore(): void
}

/** What a call that was made to fail fails with. */
export function diskError(): Error {
  return Object.assign(new Error('EIO: i/o error'), { code: 'EIO' })
}

/**
 * Makes the calls of node:fs in this process fail for which `fails` says so, by number (from 1) and name; all others do
 * their work. A `close` that fails has closed, as on Linux.
 */
export function breakDisk(fails: (call: number, name: string) => boolean): FaultyDisk {
  const calls: string[] = []
  const originals: (() => void)[] = []
  const failing = (name: string): boolean => fails(calls.push(name), name)
  for (const name of callbacks) {
    const original = Reflect.get(fs, name) as (...args: unknown[]) => void // the arguments are passed on as they come
    Reflect.set(fs, name, (...args: unknown[]) => {
      if (!failing(name)) return original(...args)
      const callback = args.pop()
      if (typeof callback !== 'function') throw new Error(`${name} has no callback`)
      if (name === 'close') return original(...args, () => callback(diskError()))
      return setImmediate(() => callback(diskError()))
    })
    originals.push(() => Reflect.set(fs, name, original))
  }
  for (const name of promises) {
    const original = Reflect.get(fs.promises, name) as (...args: unknown[]) => Promise<unknown> // the same
    Reflect.set(fs.promises, name, async (...args: unknown[]) => {
      if (failing(name)) throw diskError()
      return await original.apply(fs.promises, args)
    })
    originals.push(() => Reflect.set(fs.promises, name, original))
  }
  syncBuiltinESMExports()
  return {
    calls,
    restore() {
      for (const put of originals) put()
      syncBuiltinESMExports()
    },
  }
}
