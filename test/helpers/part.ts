import { createHash } from 'node:crypto'

const all = process.env['PGDMP_LIVE'] === 'all'
const seed = process.env['PGDMP_SEED'] ?? String(Date.now() % 2 ** 31)
let printed = false

/**
 * One of so many parts of what fills a real server, or takes a processor, for long, another one with each seed, which is printed; everything
 * where PGDMP_LIVE is `all`.
 */
export function partOf<T>(items: readonly T[], name: (item: T) => string, parts = 7): readonly T[] {
  if (all) return items
  if (!printed) console.log(`PGDMP_SEED=${seed} chooses a part (PGDMP_LIVE=all: everything)`)
  printed = true
  const place = (item: T): string =>
    createHash('sha256')
      .update(`${seed} ${name(item)}`)
      .digest('hex')
  return [...items].sort((a, b) => (place(a) < place(b) ? -1 : 1)).slice(0, Math.ceil(items.length / parts))
}
