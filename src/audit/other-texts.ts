import { emptySpan, locate } from '../ops/span.ts'
import type { ByteSpan, RawTocEntry, TocEntry } from '../toc/types.ts'
import { isPlainName, SpanReader } from './span-reader.ts'

/** What an entry has besides its definition: the command for --clean, and the one that its rows come after. */
export interface OtherText {
  readonly entry: TocEntry
  readonly desc: string
  readonly field: 'dropStmt' | 'copyStmt'
  readonly text: string
}

/** The type of an entry, and whether pg_dump writes such entries. */
interface EntryType {
  readonly desc: string
  readonly isKnown: boolean
}

const read = new SpanReader()
const stored = { text: emptySpan(), namespace: emptySpan(), tag: emptySpan() }

/**
 * Gathers the texts of which something may have to be said; those that pg_dump makes of plain names, which most are,
 * are not: of many entries, making strings of them is most of what it takes.
 */
export function gatherOtherTexts(entry: TocEntry, type: EntryType, found: OtherText[]): void {
  const { raw } = entry
  const hasDrop = hasText(raw, 'dropStmt') && !isPlainDrop(entry, type)
  const hasCopy = hasText(raw, 'copyStmt') && !isPlainCopy(entry)
  if (hasDrop) found.push({ entry, desc: type.desc, field: 'dropStmt', text: raw.byteString('dropStmt') ?? '' })
  if (hasCopy) found.push({ entry, desc: type.desc, field: 'copyStmt', text: raw.byteString('copyStmt') ?? '' })
}

/** Whether an entry has such a text, which then is `stored.text`. */
function hasText(raw: RawTocEntry, field: 'dropStmt' | 'copyStmt'): boolean {
  return locate(raw, field, stored.text) && stored.text.end > stored.text.start
}

/** `DROP TABLE s.t;` and its like, and `ALTER TABLE ONLY s.t DROP CONSTRAINT c;`, of the entry's own names. */
function isPlainDrop({ raw }: TocEntry, { desc, isKnown }: EntryType): boolean {
  if (!isKnown || !hasPlainNames(raw)) return false
  const { namespace, tag } = stored
  const text = read.read(stored.text)
  if (desc !== 'CONSTRAINT' && desc !== 'FK CONSTRAINT') {
    const isDrop = text.says('DROP ') && text.says(desc) && text.says(' ')
    if (!isDrop || !text.has(namespace) || !text.says('.') || !text.has(tag) || !text.says(';\n')) return false
    return text.isOver && isPlain(tag)
  }
  const blank = tag.bytes.indexOf(0x20, tag.start)
  if (blank === -1 || blank >= tag.end) return false
  const { start, end } = tag
  tag.end = blank
  const isOfTable = text.says('ALTER TABLE ONLY ') && text.has(namespace) && text.says('.') && text.has(tag)
  if (!isOfTable || !isPlain(tag)) return false
  tag.start = blank + 1
  tag.end = end
  const isDrop = text.says(' DROP CONSTRAINT ') && text.has(tag) && text.says(';\n') && text.isOver && isPlain(tag)
  tag.start = start
  return isDrop
}

/** `COPY s.t (a, b) FROM stdin;` into the table of the entry itself. */
function isPlainCopy({ raw }: TocEntry): boolean {
  if (!hasPlainNames(raw) || !isPlain(stored.tag)) return false
  const text = read.read(stored.text)
  if (!text.says('COPY ') || !text.has(stored.namespace) || !text.says('.') || !text.has(stored.tag)) return false
  return text.says(' (') && text.overList() && text.says(') FROM stdin;\n') && text.isOver
}

function hasPlainNames(raw: RawTocEntry): boolean {
  return locate(raw, 'namespace', stored.namespace) && isPlain(stored.namespace) && locate(raw, 'tag', stored.tag)
}

function isPlain({ bytes, start, end }: ByteSpan): boolean {
  return isPlainName(bytes, start, end)
}
