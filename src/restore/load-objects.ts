import type { FilteredView } from '../ops/selection.ts'
import type { ScriptContext } from '../sql/session.ts'
import type { TocEntry } from '../toc/types.ts'
import { featuresOf } from '../toc/version.ts'
import { LargeObjectSql } from './large-object-sql.ts'
import type { Command } from './session.ts'
import { dataOptions } from './table-data.ts'

/** What the session that loads large objects does for that. */
export interface ObjectsSide {
  readonly context: ScriptContext
  readonly filtered: FilteredView
  readonly signal: AbortSignal | undefined
  /** Removes an object that may be there. */
  unlink(oid: number): Promise<void>
  /** Waits for what the server answers. */
  query(sql: Uint8Array): Promise<void>
  sent(bytes: number): void
  /** Counts a failure. @throws Stopped when it was the last one, and whatever is none of the server's */
  refused(error: unknown, command: Command): Promise<void>
}

/** Loads the data of a BLOBS entry (_LoadLOs, StartRestoreLO … EndRestoreLO of pg_backup_archiver.c). */
export async function loadLargeObjects(entry: TocEntry, side: ObjectsSide): Promise<void> {
  const { context, filtered, signal } = side
  const { options, report, settings } = context
  const createsObjects = !featuresOf(filtered.header.version).blobEntries
  let count = 0
  for await (const { oid, data } of filtered.largeObjects(entry, dataOptions(signal))) {
    signal?.throwIfAborted()
    count++
    report(entry, () => `restoring large object with OID ${oid}`)
    // its reader of tar archives says so, too
    if (context.format === 'tar') report(entry, () => `restoring large object with OID ${oid}`)
    if (createsObjects && options.clean) await side.unlink(oid)
    const source = data.borrow()
    const object = new LargeObjectSql(oid, createsObjects, settings.stdStrings)
    let opened = false
    try {
      await side.query(object.open)
      opened = true
      for await (const sql of object.read(source)) await side.query(sql)
      side.sent(object.bytes)
    } catch (error) {
      // pg_restore goes on to the next object, which cannot be opened in a transaction that failed
      if (opened) await side.refused(error, { sql: '', complaint: 'could not write to large object' })
      else {
        const what = `could not ${createsObjects ? 'create' : 'open'} large object ${oid}`
        await side.refused(error, { sql: '', complaint: what, fatal: true })
      }
    } finally {
      await source.cancel()
    }
  }
  report(entry, () => `restored ${count} large object${count === 1 ? '' : 's'}`)
}
