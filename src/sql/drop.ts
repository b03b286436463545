import type { TocEntry } from '../toc/types.ts'
import { putCommandPerObject, putUnlinkIfExists } from './large-object.ts'
import type { ScriptSession } from './session.ts'

/** Whether an entry is the database itself or its settings: what cannot be changed within a transaction. */
export function isDatabase(desc: string): boolean {
  return desc === 'DATABASE' || desc === 'DATABASE PROPERTIES'
}

/** Prints the drop of one entry (RestoreArchive, pg_backup_archiver.c). Nothing for an entry without drop command. */
export function putDrop(session: ScriptSession, entry: TocEntry): void {
  const { raw, desc } = entry
  const { options, report, target } = session.context
  const stored = raw.byteString('dropStmt')
  if (stored === null || stored === undefined) return
  const dropStmt = target === null ? stored : target.adapt(entry, stored)
  report(entry, (name) => `dropping ${name('desc')} ${name('tag')}`)
  const leavesTransaction = options.transactionSize > 0 && isDatabase(desc)
  if (leavesTransaction) session.put('COMMIT;\n')
  session.becomeOwner(entry)
  if (session.selectsSchemas) session.selectSchema(raw.byteString('namespace'))
  if (desc === 'BLOB METADATA') putUnlinks(session, entry)
  else session.put(options.ifExists ? dropIfExists(session, entry, dropStmt) : dropStmt)
  if (leavesTransaction) session.beginTransaction()
  else session.endAction('')
}

function putUnlinks(session: ScriptSession, entry: TocEntry): void {
  if (session.context.options.ifExists) {
    const begin = "SELECT pg_catalog.lo_unlink(oid) FROM pg_catalog.pg_largeobject_metadata WHERE oid = '"
    putCommandPerObject(session, entry, begin, "'")
  } else {
    putCommandPerObject(session, entry, "SELECT pg_catalog.lo_unlink('", "')")
  }
}

const alterTable = 'ALTER TABLE'

/** Size of the buffer in which pg_restore builds what it looks for, without the terminating zero. */
const MAX_COMMAND_START = 39

function dropIfExists(session: ScriptSession, entry: TocEntry, dropStmt: string): string {
  const { desc } = entry
  const { rules, warn } = session.context
  if (dropStmt === '') return ''
  if (rules.keepsCommentDropStmt && dropStmt.startsWith('--')) return dropStmt
  if (desc === 'BLOB' || (!rules.dropsOnlyBlobByMetadata && desc.startsWith('BLOB'))) {
    putUnlinkIfExists(session, entry.catalogId.oid)
    return ''
  }
  const altersTable = dropStmt.startsWith(alterTable)
  const start = altersTable ? `${alterTable} IF EXISTS` : ''
  const rest = altersTable ? dropStmt.slice(alterTable.length) : dropStmt
  // DROP DEFAULT has no IF EXISTS; a view replaced by a dummy is not dropped
  if (desc === 'DEFAULT' || desc === 'DATABASE PROPERTIES' || rest.startsWith('CREATE OR REPLACE VIEW')) {
    return start + rest
  }
  const command = commandStart(entry)
  const at = rest.indexOf(command)
  if (at === -1) {
    const text = `could not find where to insert IF EXISTS in statement "${entry.dropStmt ?? ''}"`
    warn('IF_EXISTS_NOT_INSERTED', text, entry)
    return start + rest
  }
  const end = at + command.length
  return `${start}${rest.slice(0, end)} IF EXISTS${rest.slice(end)}`
}

function commandStart({ desc, raw }: TocEntry): string {
  if (desc === 'CONSTRAINT' || desc === 'CHECK CONSTRAINT' || desc === 'FK CONSTRAINT') return 'DROP CONSTRAINT'
  return `DROP ${raw.byteString('desc') ?? ''}`.slice(0, MAX_COMMAND_START)
}
