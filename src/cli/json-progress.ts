import { closeSync, writeSync } from 'node:fs'
import { ArchiveError } from '../index.ts'
import type { ArchiveView, DumpId } from '../index.ts'
import type { CommandLine } from './command-line.ts'
import { openBeside } from './json-log.ts'
import { outputError } from './output.ts'
import { isSystemError } from './strerror.ts'
import type { Terminal } from './terminal.ts'
import { jsonText } from './json-text.ts'

/** Lines come that often at most. */
const EVERY_MS = 200

/** Progress as a line of JSON each: on standard error, or in a file, which may be a pipe (`json:/dev/fd/3`). */
export class JsonProgress implements Disposable {
  #write: (line: string) => void
  readonly #file: number | undefined
  readonly #view: ArchiveView
  readonly #started = performance.now()
  #last = 0
  #part: number | undefined
  #pending: (() => string) | undefined

  /** @throws ArchiveError USAGE for a value other than `json` and `json:FILE`, and for a file of the archive */
  constructor(terminal: Terminal, value: string, view: ArchiveView, archive: string | null) {
    const [format, ...rest] = value.split(':')
    const path = rest.join(':')
    if (format !== 'json' || (value !== 'json' && path === '')) {
      throw new ArchiveError('USAGE', `restore: --progress is "${value}", must be json or json:FILE`)
    }
    this.#view = view
    this.#file = value === 'json' ? undefined : openBeside('progress', path, archive)
    const { stderr } = terminal
    this.#write = (line) => (this.#file === undefined ? void stderr.write(line) : this.#writeTo(this.#file, path, line))
  }

  /**
   * @param part of the data that is done, 0 to 1; undefined where the whole is not known
   * @param entry that is being restored
   * @param workers what each of several sessions restores
   */
  update(
    done: ObjectsDone,
    bytes: number,
    part: number | undefined,
    entry: DumpId | undefined,
    workers?: readonly (DumpId | undefined)[],
  ): void {
    const now = performance.now()
    // between entries it is as before
    this.#part = part ?? this.#part
    const known = this.#part
    this.#pending = () => this.#line(now, done, bytes, known, entry, workers)
    if (now - this.#last < EVERY_MS) return
    this.#last = now
    this.#flush()
  }

  /** All is done. */
  end(done: ObjectsDone, bytes: number): void {
    this.update(done, bytes, 1, undefined)
  }

  /** Says the last of it. */
  [Symbol.dispose](): void {
    this.#flush()
    if (this.#file !== undefined) closeSync(this.#file)
  }

  #flush(): void {
    const line = this.#pending?.()
    this.#pending = undefined
    if (line !== undefined) this.#write(line)
  }

  #writeTo(file: number, path: string, line: string): void {
    try {
      writeSync(file, line)
    } catch (error) {
      if (!isSystemError(error)) throw error
      // nobody wants to know any more
      this.#write = () => undefined
      if (error.code !== 'EPIPE') throw outputError(path, error)
    }
  }

  #line(
    now: number,
    { objects, total }: ObjectsDone,
    bytes: number,
    part: number | undefined,
    entry: DumpId | undefined,
    workers: readonly (DumpId | undefined)[] | undefined,
  ): string {
    const seconds = (now - this.#started) / 1000
    const record = {
      event: 'progress',
      objects,
      totalObjects: total,
      bytes,
      bytesPerSecond: seconds > 0 ? Math.round(bytes / seconds) : 0,
      part: part ?? null,
      elapsedSeconds: round(seconds),
      secondsLeft: part === undefined || part === 0 ? null : round((seconds / part) * (1 - part)),
      entry: this.#named(entry),
      ...(workers === undefined ? {} : { workers: workers.map((of) => this.#named(of)) }),
    }
    return `${jsonText(record)}\n`
  }

  #named(dumpId: DumpId | undefined): object | null {
    const entry = dumpId === undefined ? undefined : this.#view.entry(dumpId)
    return entry === undefined
      ? null
      : { dumpId: entry.dumpId, desc: entry.desc, namespace: entry.namespace, tag: entry.tag }
  }
}

function round(seconds: number): number {
  return Math.round(seconds * 10) / 10
}

/** How many objects of how many have been begun. */
export interface ObjectsDone {
  readonly objects: number
  readonly total: number
}

/** Counts objects as their entries come by. */
export class ObjectCounter implements ObjectsDone {
  readonly #seen = new Set<DumpId>()
  readonly total: number

  constructor(total: number) {
    this.total = total
  }

  get objects(): number {
    return this.#seen.size
  }

  see(entry: DumpId | undefined): void {
    if (entry !== undefined) this.#seen.add(entry)
  }
}

/** The value of `--progress`. */
export function progressWish(line: CommandLine): string | undefined {
  return line.own('progress').at(-1)
}
