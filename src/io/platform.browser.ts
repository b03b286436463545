import { ArchiveError } from '../errors.ts'
import type * as node from './platform.node.ts'

/** Stands for a module of Node.js: any use of it says what this platform lacks. */
function missing<T extends object>(module: string, what: string): T {
  const fail = (member: string | symbol): never => {
    throw new ArchiveError('UNSUPPORTED', `Cannot use ${module} (${String(member)}): browsers have no ${what}`, {
      hint: 'Open a Blob, a Uint8Array or a ReadableStream, and write to a WritableStream',
    })
  }
  // The target is never used: it is a constructor only so that calls and `new` reach the traps.
  return new Proxy(Object, {
    get: (_target, member) => fail(member),
    apply: () => fail('call'),
    construct: () => fail('new'),
  }) as object as T // the type of the module that is missing
}

export const fs = missing<typeof node.fs>('node:fs', 'file system')
export const tmpdir = missing<typeof node.tmpdir>('os.tmpdir', 'temporary directory')
export const basename = missing<typeof node.basename>('path.basename', 'file paths')
export const dirname = missing<typeof node.dirname>('path.dirname', 'file paths')
export const isAbsolute = missing<typeof node.isAbsolute>('path.isAbsolute', 'file paths')
export const join = missing<typeof node.join>('path.join', 'file paths')
export const finished = missing<typeof node.finished>('stream.finished', 'Node.js streams')
export const Readable = missing<typeof node.Readable>('stream.Readable', 'Node.js streams')
export const fileURLToPath = missing<typeof node.fileURLToPath>('url.fileURLToPath', 'file paths')
export const pipeStream = missing<typeof node.pipeStream>('net.Socket', 'pipes')
