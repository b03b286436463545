import { ObjectsByName } from './objects-by-name.ts'
import type { AuditCatalog, CatalogIndex, QualifiedName } from './types.ts'

/** `a`, `b`: the columns of an index without order and operator class; undefined for an expression. */
export function columnsOf({ keys }: CatalogIndex): readonly (string | undefined)[] {
  return keys.map((key) => {
    const plain = /^(?:"((?:[^"]|"")+)"|([a-z_\u0080-\uffff][\w$\u0080-\uffff]*))(?:\s|$)/.exec(key)
    return plain === null ? undefined : (plain[1]?.replaceAll('""', '"') ?? plain[2])
  })
}

/** The indexes of each table, without a list for each: there may be many tables, most of which have one or two. */
export class IndexesByTable {
  readonly #indexes: readonly CatalogIndex[]
  /** One more than the place of the next index of the table; 0 where there is none. */
  readonly #next: Int32Array
  readonly #last = new ObjectsByName<Ends>()
  readonly #all: Ends[] = []

  constructor({ indexes }: AuditCatalog) {
    this.#indexes = indexes
    this.#next = new Int32Array(indexes.length)
    for (let place = 0; place < indexes.length; place++) {
      const { schema = '', table = '' } = indexes[place] ?? {}
      const ends = this.#last.get(schema, table)
      if (ends === undefined) {
        const one = { schema, name: table, first: place, last: place }
        this.#last.set(one)
        this.#all.push(one)
      } else {
        this.#next[ends.last] = place + 1
        ends.last = place
      }
    }
  }

  of(schema: string, table: string): readonly CatalogIndex[] {
    const ends = this.#last.get(schema, table)
    return ends === undefined ? [] : this.#listOf(ends)
  }

  /** The indexes of each table that has several. */
  *several(): Generator<readonly CatalogIndex[], void, void> {
    for (const ends of this.#all) if (ends.first !== ends.last) yield this.#listOf(ends)
  }

  #listOf({ first }: Ends): readonly CatalogIndex[] {
    const list: CatalogIndex[] = []
    for (let place = first + 1; place !== 0; place = this.#next[place - 1] ?? 0) {
      const index = this.#indexes[place - 1]
      if (index !== undefined) list.push(index)
    }
    return list
  }
}

/** Where the indexes of a table begin and end in the list of all. */
interface Ends extends QualifiedName {
  readonly first: number
  last: number
}
