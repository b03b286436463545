import { StoredEntry, absent, column, rowSize, type Segment, type TocContext } from './entry.ts'

/**
 * The entries of a TOC as tables of numbers over their bytes. Objects are made when somebody asks for them: listing
 * 120,000 entries needs none, and making them takes longer than reading them.
 */
export class EntryTable {
  readonly context: TocContext
  #length = 0
  readonly #segments: Segment[] = []
  #entries: readonly StoredEntry[] | undefined

  constructor(context: TocContext) {
    this.context = context
  }

  /** Number of entries. */
  get length(): number {
    return this.#length
  }

  append(bytes: Uint8Array, rows: Int32Array): void {
    this.#segments.push({ bytes, rows, context: this.context })
    this.#length += rows.length / rowSize
  }

  /** Every entry, made once. */
  get entries(): readonly StoredEntry[] {
    this.#entries ??= this.#make()
    return this.#entries
  }

  /**
   * Visits entries in order through one object that moves from one to the next: do not keep it.
   * @param isWanted asked for the place of each entry, from 0; default all
   */
  scan(visit: (entry: StoredEntry, index: number) => void, isWanted?: (index: number) => boolean): void {
    let index = 0
    for (const segment of this.#segments) {
      const entry = new StoredEntry(segment, 0)
      for (let row = 0; row < segment.rows.length; row += rowSize, index++) {
        if (isWanted !== undefined && !isWanted(index)) continue
        entry.moveTo(row)
        visit(entry, index)
      }
    }
  }

  /** Visits the entries of these types, through one moving object as {@link EntryTable.scan}. */
  scanTypes(descs: ReadonlySet<string>, visit: (entry: StoredEntry) => void): void {
    const wanted = this.context.descs.numbersOf(descs)
    for (const segment of this.#segments) {
      const { rows } = segment
      const entry = new StoredEntry(segment, 0)
      for (let row = 0; row < rows.length; row += rowSize) {
        const number = rows[row + column.descId] ?? absent
        if (number >= 0 && wanted[number] !== 1) continue
        entry.moveTo(row)
        if (number >= 0 || descs.has(entry.byteString('desc') ?? '')) visit(entry)
      }
    }
  }

  #make(): readonly StoredEntry[] {
    const entries: StoredEntry[] = []
    for (const segment of this.#segments) {
      for (let row = 0; row < segment.rows.length; row += rowSize) entries.push(new StoredEntry(segment, row))
    }
    return entries
  }
}
