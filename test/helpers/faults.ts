import { readdirSync, readlinkSync } from 'node:fs'
import type { Archive, RandomAccess } from '../../src/index.ts'
import { list, toSql } from '../../src/index.ts'

/** Everything an archive holds, as pg_restore would list and print it. */
export async function readEverything(archive: Archive): Promise<string> {
  const listing = list(archive)
  const sql = await toSql(archive, { restrictKey: 'corpus' }).bytes({ maxBytes: Infinity })
  return listing + Buffer.from(sql).toString('latin1')
}

/** A source that counts what is asked of it, and fails at one read. */
export class FaultySource implements RandomAccess {
  readonly size: number
  reads = 0
  closes = 0
  /** The read (from 1) that fails; none by default. */
  readonly failAt: number
  static readonly error = Object.assign(new Error('EIO: i/o error, read'), { code: 'EIO' })
  readonly #bytes: Uint8Array

  constructor(bytes: Uint8Array, failAt = Infinity) {
    this.#bytes = bytes
    this.size = bytes.length
    this.failAt = failAt
  }

  async read(offset: number, length: number): Promise<Uint8Array> {
    this.reads += 1
    if (this.reads === this.failAt) throw FaultySource.error
    return this.#bytes.slice(offset, offset + length)
  }

  async close(): Promise<void> {
    this.closes += 1
  }
}

/** The files that this process has open, where the system tells. */
export function openFiles(): string[] {
  const folder = '/proc/self/fd'
  return readdirSync(folder)
    .flatMap((name) => {
      try {
        return [readlinkSync(`${folder}/${name}`)]
      } catch {
        // The one that was opened to read the folder is gone.
        return []
      }
    })
    .filter((target) => target.startsWith('/') && !target.startsWith('/proc') && !target.startsWith('/dev'))
    .sort()
}
