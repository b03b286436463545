import type { TocEntry } from '../toc/types.ts'
import type { AuditCatalog } from './types.ts'

/** A constraint of a domain that was never checked against the values that were there. */
export interface UncheckedDomain {
  readonly entry: TocEntry
  /** As in SQL. */
  readonly domain: string
  readonly name: string
}

/** `ALTER DOMAIN d ADD CONSTRAINT c CHECK (…) NOT VALID`: those that are valid are in CREATE DOMAIN. */
export function uncheckedDomains(catalog: AuditCatalog): readonly UncheckedDomain[] {
  const found: UncheckedDomain[] = []
  for (const entry of catalog.ofType('CHECK CONSTRAINT')) {
    if (!/^\s*ALTER\s+DOMAIN/i.test(entry.raw.byteString('defn') ?? '')) continue
    for (const statement of catalog.statements(entry)) {
      const add = statement.find('add', 3)
      const name = statement.has(add + 1, 'constraint') ? statement.name(add + 2) : undefined
      if (add === -1 || name === undefined || !statement.has(statement.length - 2, 'not', 'valid')) continue
      const parts: string[] = []
      for (let at = 2; at < add; at += 2) parts.push(catalog.decode(statement.name(at) ?? ''))
      found.push({ entry, domain: catalog.quote(...parts), name: catalog.decode(name) })
    }
  }
  return found
}
