import { closeSync, fstatSync, ftruncateSync, openSync, statSync, writeSync, type Stats } from 'node:fs'
import { dirname } from 'node:path'
import { ArchiveError } from '../index.ts'
import { outputError } from './output.ts'
import { isSystemError } from './strerror.ts'
import { jsonText } from './json-text.ts'

/**
 * Opens a file for what a command writes beside its work, one line after the other; it may be a pipe.
 * @param option that names it
 * @throws ArchiveError USAGE when it is a file of the archive
 */
export function openBeside(option: string, path: string, archive: string | null): number {
  const { dev, ino } = archive === null ? { dev: -1, ino: -1 } : statSync(archive)
  const check = (status: Stats): void => {
    if (status.dev !== dev || status.ino !== ino) return
    throw new ArchiveError('USAGE', `restore: --${option} is "${path}", which belongs to the archive`, {
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
  return file
}

/** One JSON object a line: what `--log` writes. */
export class JsonLog {
  readonly #path: string | undefined
  readonly #file: number | undefined

  /** @throws ArchiveError USAGE when it is a file of the archive */
  constructor(path: string | undefined, archive: string | null) {
    this.#path = path
    this.#file = path === undefined ? undefined : openBeside('log', path, archive)
  }

  /** @throws what says that the log cannot be written */
  write(record: object): void {
    if (this.#file === undefined) return
    try {
      writeSync(this.#file, `${jsonText(record)}\n`)
    } catch (error) {
      throw isSystemError(error) ? outputError(this.#path, error) : error
    }
  }

  close(): void {
    if (this.#file !== undefined) closeSync(this.#file)
  }
}
