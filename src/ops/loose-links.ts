import type { TocEntry } from '../toc/types.ts'
import { ObjectTies } from './object-ties.ts'
import { descOf } from './ties.ts'
import { selectedByName, warnLeftOut, type WidenedFilter } from './widen-selection.ts'

/**
 * The entries that names select and that tie objects together of which one is not selected, each with that one; what is
 * said about such an entry goes with it. Each is reported.
 */
export function looseLinks(filter: WidenedFilter): ReadonlyMap<TocEntry, TocEntry> {
  const selected = selectedByName(filter)
  const ties = new ObjectTies(filter.entries, filter.lexer)
  const loose = new Map<TocEntry, TocEntry>()
  for (const link of ties.links) {
    if (descOf(link) === 'CAST' || !selected.has(link)) continue
    // what a link may tie is never behind it, so it is known by now whether that is loose itself
    const missing = ties.ends(link).find((end) => !selected.has(end) || loose.has(end))
    if (missing === undefined) continue
    loose.set(link, missing)
    for (const remark of ties.remarks(link)) loose.set(remark, link)
    warnLeftOut(link, missing, filter.onWarning)
  }
  return loose
}
