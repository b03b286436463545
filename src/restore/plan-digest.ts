import { encodeByteString } from '../bytes/byte-string.ts'
import { createSha256, toHex } from '../codec/sha256.ts'
import type { PreparedScript } from '../ops/prepare-script.ts'
import { plannedCommands } from './planned-commands.ts'
import { beginsTransaction, endsTransaction } from './session.ts'

/**
 * SHA-256 over all that a restore will send, rows and large objects aside, and over what tells one archive from
 * another: the same archive with the same options that matter, whatever the number of
 * sessions and transactions.
 */
export function planDigest(prepared: PreparedScript): string {
  const { context, filtered } = prepared
  const { createDate, raw } = filtered.header
  const { disableTriggers, superuser } = context.options
  const hash = createSha256()
  const add = (bytes: Uint8Array): void => {
    // so that no two lists of texts are the same bytes
    hash.update(encodeByteString(`${bytes.length}:`))
    hash.update(bytes)
  }
  const none = new Uint8Array(0)
  add(encodeByteString(JSON.stringify({ createDate, disableTriggers })))
  for (const text of [raw.dbname, raw.dumpVersion, raw.remoteVersion]) add(text ?? none)
  add(encodeByteString(superuser))
  for (const part of plannedCommands(prepared)) {
    const { entry, step } = part
    const text = part.step === 'data' ? (part.entry.raw.byteString('copyStmt') ?? '') : part.sql
    // another run may commit at other places
    if (beginsTransaction.test(text) || endsTransaction.test(text)) continue
    add(encodeByteString(`${step} ${entry?.dumpId ?? ''}`))
    add(encodeByteString(text))
  }
  return toHex(hash.digest())
}
