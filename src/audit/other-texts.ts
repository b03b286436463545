import type { TocEntry } from '../toc/types.ts'
import { isKnownType } from './statement-check.ts'

/** What an entry has besides its definition: the command for --clean, and the one that its rows come after. */
export interface OtherText {
  readonly entry: TocEntry
  readonly desc: string
  readonly field: 'dropStmt' | 'copyStmt'
  readonly text: string
}

/** Gathered once for the rules that ask: of many entries, making strings of them is most of what it takes. */
const gathered = new WeakMap<readonly TocEntry[], readonly OtherText[]>()

/** The texts of which something may have to be said; those that pg_dump makes of plain names, which most are, are not. */
export function otherTexts(toc: readonly TocEntry[]): readonly OtherText[] {
  let texts = gathered.get(toc)
  if (texts === undefined) {
    texts = toc.flatMap((entry) => textsOf(entry))
    gathered.set(toc, texts)
  }
  return texts
}

const none: readonly OtherText[] = []

function textsOf(entry: TocEntry): readonly OtherText[] {
  const drop = entry.raw.byteString('dropStmt') ?? ''
  const copy = entry.raw.byteString('copyStmt') ?? ''
  if (drop === '' && copy === '') return none
  const desc = entry.raw.byteString('desc') ?? ''
  const found: OtherText[] = []
  if (drop !== '' && !isPlainDrop(entry, desc, drop)) found.push({ entry, desc, field: 'dropStmt', text: drop })
  if (copy !== '' && !isPlainCopy(entry, copy)) found.push({ entry, desc, field: 'copyStmt', text: copy })
  return found
}

const plainName = /^[a-z_][a-z0-9_]*$/
const plainCopy = /^COPY ([a-z0-9_]+)\.([a-z0-9_]+) \([a-z0-9_, ]*\) FROM stdin;\n$/

function isPlainDrop(entry: TocEntry, desc: string, text: string): boolean {
  const namespace = entry.raw.byteString('namespace') ?? ''
  const tag = entry.raw.byteString('tag') ?? ''
  if (!plainName.test(namespace)) return false
  if (desc === 'CONSTRAINT' || desc === 'FK CONSTRAINT') {
    const [table = '', constraint = ''] = tag.split(' ', 2)
    if (!plainName.test(table) || !plainName.test(constraint)) return false
    return text === `ALTER TABLE ONLY ${namespace}.${table} DROP CONSTRAINT ${constraint};\n`
  }
  return plainName.test(tag) && isKnownType(desc) && text === `DROP ${desc} ${namespace}.${tag};\n`
}

/** Into the table of the entry itself. */
function isPlainCopy(entry: TocEntry, text: string): boolean {
  const [, namespace, table] = plainCopy.exec(text) ?? []
  return table !== undefined && namespace === entry.raw.byteString('namespace') && table === entry.raw.byteString('tag')
}
