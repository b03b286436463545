import type { DumpId, TocEntry } from '../toc/types.ts'
import type { AuditFinding } from './types.ts'

const mark = 'pgdmp-audit:'

/** `pgdmp-audit: ignore RULE, RULE -- why`; `*` is every rule. */
const marks = /pgdmp-audit: ignore ((?:[a-z0-9-]+|\*)(?:, ?(?:[a-z0-9-]+|\*))*)(?:[ \t]+--[ \t]*([^\n']{1,200}))?/g

/** What one mark says. */
interface InlineMark {
  readonly rules: readonly string[]
  readonly reason: string | undefined
}

/** Entries that say or hold something of an object, and can have no comment of their own. */
const satellites: ReadonlySet<string> = new Set([
  'ACL',
  'COMMENT',
  'DEFAULT',
  'MATERIALIZED VIEW DATA',
  'ROW SECURITY',
  'SECURITY LABEL',
  'SEQUENCE OWNED BY',
  'SEQUENCE SET',
  'STATISTICS DATA',
  'TABLE ATTACH',
  'TABLE DATA',
])

/**
 * Marks in an archive: in the comment of an object, where they are for that and its privileges, rows and defaults, and in
 * a definition, such as in the body of a function, where they are for its entry.
 */
export class InlineMarks {
  readonly #marks = new Map<DumpId, InlineMark[]>()
  readonly #entryOf: (dumpId: DumpId) => TocEntry | undefined

  constructor(entryOf: (dumpId: DumpId) => TocEntry | undefined) {
    this.#entryOf = entryOf
  }

  /** @param text the definition, a byte string */
  add(entry: TocEntry, text: string, decode: (text: string) => string): void {
    if (!text.includes(mark)) return
    const ids = entry.desc === 'COMMENT' ? entry.dependencies : [entry.dumpId]
    for (const [, names = '', reason] of text.matchAll(marks)) {
      const found = {
        rules: names.split(',').map((name) => name.trim()),
        reason: reason === undefined ? undefined : decode(reason.trim()),
      }
      for (const id of ids) this.#marks.set(id, [...(this.#marks.get(id) ?? []), found])
    }
  }

  find({ dumpId, desc, rule }: AuditFinding): InlineMark | undefined {
    if (dumpId === undefined) return undefined
    const own = this.#find(dumpId, rule)
    if (own !== undefined || this.#marks.size === 0 || !satellites.has(desc ?? '')) return own
    for (const id of this.#entryOf(dumpId)?.dependencies ?? []) {
      const ofObject = this.#find(id, rule)
      if (ofObject !== undefined) return ofObject
    }
    return undefined
  }

  #find(dumpId: DumpId, rule: string): InlineMark | undefined {
    return this.#marks.get(dumpId)?.find(({ rules }) => rules.includes(rule) || rules.includes('*'))
  }
}
