import { closeSync, fstatSync, ftruncateSync, openSync, statSync, writeSync, type Stats } from 'node:fs'
import { dirname } from 'node:path'
import { ArchiveError } from '../index.ts'

/** One JSON object a line: what `--log` writes. */
export class JsonLog {
  readonly #file: number | undefined = undefined

  /** @throws ArchiveError USAGE when it is a file of the archive */
  constructor(path: string | undefined, archive: string | null) {
    if (path === undefined) return
    const { dev, ino } = archive === null ? { dev: -1, ino: -1 } : statSync(archive)
    const check = (status: Stats): void => {
      if (status.dev !== dev || status.ino !== ino) return
      throw new ArchiveError('USAGE', `restore: --log is "${path}", which belongs to the archive`, {
        hint: 'Name another file',
      })
    }
    check(statSync(dirname(path)))
    // statements may hold rows; what the file held goes when it is known which one it is
    const file = openSync(path, 'a', 0o600)
    try {
      const status = fstatSync(file)
      check(status)
      if (status.isFile()) ftruncateSync(file)
    } catch (error) {
      closeSync(file)
      throw error
    }
    this.#file = file
  }

  write(record: object): void {
    if (this.#file !== undefined) writeSync(this.#file, `${JSON.stringify(record)}\n`)
  }

  close(): void {
    if (this.#file !== undefined) closeSync(this.#file)
  }
}
