import type { Finding } from '../errors.ts'
import type { Receipt, ReceiptEntry, ReceiptObject } from './receipt.ts'

/**
 * What an archive holds that it did not hold when a receipt was written, and the other way round. How it is stored does
 * not matter; bytes that differ though the content is the same are told as information.
 *
 * @param before the receipt
 * @param after what the archive holds now
 */
export function compareReceipts(before: Receipt, after: Receipt): readonly Finding[] {
  const found: Finding[] = []
  if (before.header.sha256 !== after.header.sha256) found.push(headerChanged(before, after))
  compareEntries(before.entries, after.entries, found)
  compareObjects(before.largeObjects, after.largeObjects, found)
  if (found.length === 0 && before.digest.sha256 !== after.digest.sha256) {
    found.push({
      code: 'CONTENT_CHANGED',
      severity: 'error',
      message: 'The entries are those of the receipt, in another order',
      hint: 'A restore goes by the order of the entries',
    })
  }
  if (found.length > 0) return found
  return before.archive.sha256 === after.archive.sha256 ? [] : [storedAnew(before, after)]
}

function headerChanged({ header: was }: Receipt, { header: is }: Receipt): Finding {
  const shown = ({ dbname, serverVersion, pgDumpVersion }: Receipt['header']): string =>
    `database ${JSON.stringify(dbname)}, server ${serverVersion ?? 'not stored'}, pg_dump ${pgDumpVersion ?? 'not stored'}`
  const names = shown(was) === shown(is) ? `${shown(is)}, made at another time` : `${shown(is)}, was ${shown(was)}`
  return {
    code: 'HEADER_CHANGED',
    severity: 'error',
    message: `The archive is another dump than the receipt tells of: ${names}`,
    hint: 'It may be a later dump of the same database: compare it with its own receipt',
  }
}

function storedAnew({ archive: was }: Receipt, { archive: is }: Receipt): Finding {
  const shown = ({ format, version, compression }: Receipt['archive']): string => `${format} ${version} ${compression}`
  const how = shown(was) === shown(is) ? `${shown(is)} as before, other bytes` : `${shown(is)}, was ${shown(was)}`
  return {
    code: 'STORED_BYTES_CHANGED',
    severity: 'info',
    message: `The content is that of the receipt, it is stored in another way: ${how}`,
    hint: 'So it is after a conversion; else find out what has changed the file',
  }
}

function keyOf({ desc, namespace, tag }: ReceiptEntry): string {
  return JSON.stringify([desc, namespace, tag])
}

function nameOf({ desc, namespace, tag, dumpId }: ReceiptEntry): string {
  const schema = namespace === null || namespace === '' ? '' : `${namespace} `
  return `${desc} ${schema}${tag ?? ''} (entry ${dumpId})`
}

function compareEntries(before: readonly ReceiptEntry[], after: readonly ReceiptEntry[], found: Finding[]): void {
  const byId = inTurn(after, (entry) => `${entry.dumpId} ${keyOf(entry)}`)
  const taken = new Set<ReceiptEntry>()
  const unmatched: ReceiptEntry[] = []
  for (const was of before) {
    const is = byId(`${was.dumpId} ${keyOf(was)}`)
    if (is === undefined) {
      unmatched.push(was)
      continue
    }
    taken.add(is)
    compareEntry(was, is, found)
  }
  const rest = after.filter((entry) => !taken.has(entry))
  const byName = inTurn(rest, keyOf)
  for (const was of unmatched) {
    const is = byName(keyOf(was))
    if (is === undefined) {
      found.push(missing(was))
      continue
    }
    taken.add(is)
    compareEntry(was, is, found)
  }
  for (const entry of rest) if (!taken.has(entry)) found.push(addition(entry))
}

/** Gives the entries of a key one after the other; then undefined. */
function inTurn(
  entries: readonly ReceiptEntry[],
  keyIn: (entry: ReceiptEntry) => string,
): (key: string) => ReceiptEntry | undefined {
  const groups = new Map<string, ReceiptEntry[]>()
  // the last comes first, so that the first is taken from the end
  for (const entry of entries.toReversed()) {
    const key = keyIn(entry)
    const group = groups.get(key)
    if (group === undefined) groups.set(key, [entry])
    else group.push(entry)
  }
  return (key) => groups.get(key)?.pop()
}

function compareEntry(was: ReceiptEntry, is: ReceiptEntry, found: Finding[]): void {
  const { dumpId } = is
  if (was.definition !== is.definition) {
    found.push({
      code: 'DEFINITION_CHANGED',
      severity: 'error',
      message: `The definition of ${nameOf(is)} is not that of the receipt`,
      dumpId,
    })
  }
  if (was.data === is.data) return
  found.push({
    code: 'DATA_CHANGED',
    severity: 'error',
    message: `The data of ${nameOf(is)} are not those of the receipt: ${dataText(is)}, were ${dataText(was)}`,
    dumpId,
  })
}

function dataText({ data, rows, bytes }: ReceiptEntry): string {
  if (data === null) return 'none'
  return rows === null ? `${bytes ?? 0} bytes` : `${rows} rows of ${bytes ?? 0} bytes`
}

function missing(entry: ReceiptEntry): Finding {
  const data = entry.data === null ? '' : `, with ${dataText(entry)}`
  return {
    code: 'ENTRY_MISSING',
    severity: 'error',
    message: `${nameOf(entry)}${data}, is in the receipt and not in the archive`,
    dumpId: entry.dumpId,
  }
}

function addition(entry: ReceiptEntry): Finding {
  return {
    code: 'ENTRY_ADDED',
    severity: 'error',
    message: `${nameOf(entry)} is in the archive and not in the receipt`,
    dumpId: entry.dumpId,
  }
}

function compareObjects(before: readonly ReceiptObject[], after: readonly ReceiptObject[], found: Finding[]): void {
  const rest = new Map(after.map((object) => [object.oid, object]))
  for (const was of before) {
    const { oid } = was
    const is = rest.get(oid)
    rest.delete(oid)
    if (is === undefined) {
      const message = `Large object ${oid} is in the receipt and not in the archive`
      found.push({ code: 'LARGE_OBJECT_REMOVED', severity: 'error', message })
    } else if (was.data !== is.data) {
      const message = `The content of large object ${oid} is not that of the receipt: ${is.bytes ?? 0} bytes, were ${was.bytes ?? 0}`
      found.push({ code: 'LARGE_OBJECT_CHANGED', severity: 'error', message })
    } else if (was.sha256 !== is.sha256) {
      const message = `Owner, comment or privileges of large object ${oid} are not those of the receipt`
      found.push({ code: 'LARGE_OBJECT_CHANGED', severity: 'error', message })
    }
  }
  for (const oid of rest.keys()) {
    const message = `Large object ${oid} is in the archive and not in the receipt`
    found.push({ code: 'LARGE_OBJECT_ADDED', severity: 'error', message })
  }
}
