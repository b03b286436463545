import { dirname, fs } from '#io/platform'
import { ArchiveError } from '../errors.ts'

/** Where the journal of a restore is kept between its runs: lines of text, to which more are added. */
export interface JournalStore {
  /** What messages call it. */
  readonly name: string
  /** All that was appended; empty at first. */
  read(): Promise<string>
  /** Adds whole lines. Once it resolves they must outlive the process, and the machine. */
  append(lines: string): Promise<void>
}

/** More than any journal that was written here. */
const MAX_BYTES = 256 * 1024 * 1024

/**
 * A journal in a file, readable by its owner alone: made when the first line is written, and never written anew.
 *
 * @example
 * await restore(archive, target, { resume: journalFile('app.journal') }) // the same as { resume: 'app.journal' }
 */
export function journalFile(path: string): JournalStore {
  return new JournalFile(path)
}

class JournalFile implements JournalStore {
  readonly name: string
  /** Bytes of whole lines, after which a line may stand that was not written to its end; undefined: not read yet. */
  #whole: number | undefined

  constructor(path: string) {
    this.name = path
  }

  /** @throws ArchiveError USAGE, BAD_JOURNAL; file-system errors unwrapped */
  async read(): Promise<string> {
    let file
    try {
      // the open of a FIFO would wait for a writer
      file = await fs.promises.open(this.name, fs.constants.O_RDONLY | (fs.constants.O_NONBLOCK ?? 0))
    } catch (error) {
      if (!(error instanceof Error && 'code' in error && error.code === 'ENOENT')) throw error
      this.#whole = 0
      return ''
    }
    try {
      const status = await file.stat()
      if (!status.isFile()) {
        throw new ArchiveError('USAGE', `Cannot keep a journal in "${this.name}": it is no file`, {
          file: this.name,
          hint: 'Name a file that is not there yet',
        })
      }
      if (status.size > MAX_BYTES) {
        throw new ArchiveError('BAD_JOURNAL', `Cannot read journal "${this.name}": it has ${status.size} bytes`, {
          file: this.name,
          hint: 'Name the journal that an earlier restore has written, or a file that is not there yet',
        })
      }
      const bytes = await file.readFile()
      this.#whole = bytes.lastIndexOf(LINE_FEED) + 1
      return bytes.toString('utf8')
    } finally {
      await file.close()
    }
  }

  async append(lines: string): Promise<void> {
    const isNew = this.#whole === 0
    const file = await fs.promises.open(this.name, 'a', 0o600)
    try {
      if (this.#whole !== undefined && (await file.stat()).size > this.#whole) await file.truncate(this.#whole)
      await file.writeFile(lines)
      await file.sync()
    } finally {
      await file.close()
    }
    // afterwards the file is whole, and longer
    this.#whole = undefined
    if (isNew) await syncFolder(dirname(this.name))
  }
}

const LINE_FEED = 0x0a

/** The name of a new file is in its folder, which not every system can write out. */
async function syncFolder(path: string): Promise<void> {
  try {
    const folder = await fs.promises.open(path, 'r')
    await folder.sync().finally(() => folder.close())
  } catch {
    // as on Windows
  }
}
