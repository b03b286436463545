import { checkOptions } from '../check-options.ts'
import { ArchiveError } from '../errors.ts'
import { journalFile, type JournalStore } from '../io/journal-file.ts'
import type { SqlOptions } from '../ops/options.ts'
import { prepareScript, type PreparedScript } from '../ops/prepare-script.ts'
import type { ArchiveView } from '../view.ts'
import { RestoreJournal } from './journal.ts'
import { restoreOptionKinds, type RestoreOptions, type RestoreResult } from './options.ts'
import { planDigest } from './plan-digest.ts'
import { Restorer } from './restorer.ts'
import { RestoreRun } from './run.ts'
import type { RestoreTarget } from './target.ts'

/**
 * Restores a view into a database, as `pg_restore -d` does it (RestoreArchive, pg_backup_archiver.c): the same commands
 * in the same order and session state. Data are read in that order and sent as they come, so memory stays flat and
 * forward-only input will do.
 *
 * A view that did not come out of `filter` is restored as `filter(view, {})` selects. What the server refuses does not
 * end the restore unless asked for (`onError`): it is in the result, and grouped by cause. The session's settings stay
 * as the archive wants them.
 *
 * @example
 * const target = await connectPg('postgres://localhost/copy') // from pgdmp/pg
 * const { failed, groups } = await restore(archive, target, { noOwner: true })
 * await target.end()
 *
 * @throws ArchiveError USAGE for options that exclude each other, CONNECTION_LOST when the target is gone, with `resume`
 * JOURNAL_MISMATCH, JOURNAL_REFUSED and BAD_JOURNAL, and what reading data throws: the COPY that was going on is then ended without rows, and an open transaction rolled back
 */
export async function restore(
  view: ArchiveView,
  target: RestoreTarget,
  options: RestoreOptions = {},
): Promise<RestoreResult> {
  checkOptions('restore', options, restoreOptionKinds)
  const { onProgress: _, jobs: _j, resume, ...sqlOptions } = options
  const prepared = prepareScript(view, { ...sqlOptions, restrictKey: false })
  const journal = resume === undefined ? undefined : await journalOf(resume, prepared, target, sqlOptions)
  return await new Restorer(new RestoreRun(prepared, options, journal), target).restore()
}

async function journalOf(
  resume: string | JournalStore,
  prepared: PreparedScript,
  target: RestoreTarget,
  { onWarning: _w, onMessage: _m, ...options }: SqlOptions,
): Promise<RestoreJournal> {
  if (target.rows === undefined) {
    throw new ArchiveError('USAGE', 'Cannot keep a journal of the restore: the target answers no questions', {
      hint: 'Leave out resume, or give a target that has rows(), as connectPg() and pgliteTarget() do',
    })
  }
  const store = typeof resume === 'string' ? journalFile(resume) : resume
  // whatever there is to say about entries is said when they are restored
  const silent = prepareScript(prepared.filtered, { ...options, restrictKey: false })
  return await RestoreJournal.open(store, prepared, planDigest(silent))
}
