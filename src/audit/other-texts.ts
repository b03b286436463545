import { emptySpan, locate } from '../ops/span.ts'
import type { ByteSpan, RawTocEntry, TocEntry } from '../toc/types.ts'
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
const stored = { text: emptySpan(), namespace: emptySpan(), tag: emptySpan() }

function textsOf(entry: TocEntry): readonly OtherText[] {
  const { raw } = entry
  const hasDrop = hasText(raw, 'dropStmt') && !isPlainDrop(entry)
  const hasCopy = hasText(raw, 'copyStmt') && !isPlainCopy(entry)
  if (!hasDrop && !hasCopy) return none
  const desc = raw.byteString('desc') ?? ''
  const found: OtherText[] = []
  if (hasDrop) found.push({ entry, desc, field: 'dropStmt', text: raw.byteString('dropStmt') ?? '' })
  if (hasCopy) found.push({ entry, desc, field: 'copyStmt', text: raw.byteString('copyStmt') ?? '' })
  return found
}

/** Whether an entry has such a text, which then is `stored.text`. */
function hasText(raw: RawTocEntry, field: 'dropStmt' | 'copyStmt'): boolean {
  return locate(raw, field, stored.text) && stored.text.end > stored.text.start
}

/** `DROP TABLE s.t;` and its like, and `ALTER TABLE ONLY s.t DROP CONSTRAINT c;`, of the entry's own names. */
function isPlainDrop({ raw }: TocEntry): boolean {
  if (!hasPlainNames(raw)) return false
  const desc = raw.byteString('desc') ?? ''
  const { namespace, tag } = stored
  const text = new Comparison(stored.text)
  if (desc !== 'CONSTRAINT' && desc !== 'FK CONSTRAINT') {
    text.says('DROP ').says(desc).says(' ').has(namespace).says('.').has(tag).says(';\n')
    return text.isOver && isPlain(tag) && isKnownType(desc)
  }
  const blank = tag.bytes.indexOf(0x20, tag.start)
  if (blank === -1 || blank >= tag.end) return false
  const table = { bytes: tag.bytes, start: tag.start, end: blank }
  const constraint = { bytes: tag.bytes, start: blank + 1, end: tag.end }
  text.says('ALTER TABLE ONLY ').has(namespace).says('.').has(table)
  text.says(' DROP CONSTRAINT ').has(constraint).says(';\n')
  return text.isOver && isPlain(table) && isPlain(constraint)
}

/** `COPY s.t (a, b) FROM stdin;` into the table of the entry itself. */
function isPlainCopy({ raw }: TocEntry): boolean {
  if (!hasPlainNames(raw) || !isPlain(stored.tag)) return false
  const text = new Comparison(stored.text)
  text.says('COPY ').has(stored.namespace).says('.').has(stored.tag).says(' (').hasList().says(') FROM stdin;\n')
  return text.isOver
}

function hasPlainNames(raw: RawTocEntry): boolean {
  return locate(raw, 'namespace', stored.namespace) && isPlain(stored.namespace) && locate(raw, 'tag', stored.tag)
}

/** Bytes of names that need no quotes: 1 for those that may come first, 2 for the others; 4 in a list of names. */
const nameBytes = Uint8Array.from({ length: 256 }, (_, code) => {
  const char = String.fromCharCode(code)
  return (/[a-z_]/.test(char) ? 1 : 0) | (/[a-z0-9_]/.test(char) ? 2 : 0) | (/[a-z0-9_, ]/.test(char) ? 4 : 0)
})

function isPlain({ bytes, start, end }: ByteSpan): boolean {
  if (start === end || ((nameBytes[bytes[start] ?? 0] ?? 0) & 1) === 0) return false
  for (let at = start; at < end; at++) if (((nameBytes[bytes[at] ?? 0] ?? 0) & 2) === 0) return false
  return true
}

/** Compares bytes with what they are to be, part by part: to make strings of them takes most of the time. */
class Comparison {
  readonly #bytes: Uint8Array
  readonly #end: number
  #at: number

  constructor({ bytes, start, end }: ByteSpan) {
    this.#bytes = bytes
    this.#at = start
    this.#end = end
  }

  /** Whether all parts were there, and nothing else is. */
  get isOver(): boolean {
    return this.#at === this.#end
  }

  says(text: string): this {
    const start = this.#at
    if (start === -1 || start + text.length > this.#end) return this.#fail()
    for (let at = 0; at < text.length; at++) if (text.charCodeAt(at) !== this.#bytes[start + at]) return this.#fail()
    this.#at = start + text.length
    return this
  }

  has({ bytes, start, end }: ByteSpan): this {
    const from = this.#at
    if (from === -1 || from + end - start > this.#end) return this.#fail()
    for (let at = start; at < end; at++) if (bytes[at] !== this.#bytes[from + at - start]) return this.#fail()
    this.#at = from + end - start
    return this
  }

  /** Names, commas and blanks, as many as there are. */
  hasList(): this {
    if (this.#at === -1) return this
    while (this.#at < this.#end && ((nameBytes[this.#bytes[this.#at] ?? 0] ?? 0) & 4) !== 0) this.#at++
    return this
  }

  #fail(): this {
    this.#at = -1
    return this
  }
}
