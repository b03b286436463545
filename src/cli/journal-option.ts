import { ArchiveError, journalFile } from '../index.ts'
import type { JournalStore } from '../index.ts'
import type { CommandLine } from './command-line.ts'
import { outputError } from './output.ts'
import { isSystemError, strerror } from './strerror.ts'

/** What `--resume` names. */
export interface Journal {
  readonly path: string
  readonly store: JournalStore
  /** Whether an earlier run has begun the restore. */
  readonly resumes: boolean
}

/** The journal of a command line. @throws ArchiveError USAGE when it cannot be read */
export async function journalFrom(line: CommandLine): Promise<Journal | undefined> {
  const path = line.own('resume').at(-1)
  if (path === undefined) return undefined
  const store = named(path, journalFile(path))
  return { path, store, resumes: (await store.read()).includes('\n') }
}

/** What to do about a restore that is incomplete. */
export function goOn({ path }: Journal): string {
  return `the same command with --resume ${path} goes on where it stopped`
}

/** The same with errors of the system told by the name that the user gave. */
function named(path: string, file: JournalStore): JournalStore {
  return {
    name: path,
    async read() {
      try {
        return await file.read()
      } catch (error) {
        if (!isSystemError(error)) throw error
        throw new ArchiveError('USAGE', `Cannot read journal "${path}": ${strerror(error)}`, {
          cause: error,
          file: path,
        })
      }
    },
    async append(lines) {
      try {
        await file.append(lines)
      } catch (error) {
        throw isSystemError(error) ? outputError(path, error) : error
      }
    },
  }
}
