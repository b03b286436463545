import { checkOptions } from '../check-options.ts'
import { prepareScript } from '../ops/prepare-script.ts'
import type { ArchiveView } from '../view.ts'
import { restoreOptionKinds, type RestoreOptions, type RestoreResult } from './options.ts'
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
 * @throws ArchiveError USAGE for options that exclude each other, CONNECTION_LOST when the target is gone, and what
 * reading data throws: the COPY that was going on is then ended without rows, and an open transaction rolled back
 */
export async function restore(
  view: ArchiveView,
  target: RestoreTarget,
  options: RestoreOptions = {},
): Promise<RestoreResult> {
  checkOptions('restore', options, restoreOptionKinds)
  const { onProgress: _, jobs: _j, ...sqlOptions } = options
  const prepared = prepareScript(view, { ...sqlOptions, restrictKey: false })
  return await new Restorer(new RestoreRun(prepared, options), target).restore()
}
