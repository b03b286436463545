import type { Judge, StatementWords } from './target-judges.ts'

/** What a partitioned table has, and the first release in which it may: what `lacks` says of a statement about one. */
const features = {
  key: { since: 11, feature: 'primary keys and unique constraints of partitioned tables' },
  foreignKey: { since: 11, feature: 'foreign keys of partitioned tables' },
  referred: { since: 12, feature: 'foreign keys that refer to partitioned tables' },
  notValid: { since: 18, feature: 'foreign keys NOT VALID of partitioned tables' },
  exclusion: { since: 17, feature: 'exclusion constraints of partitioned tables' },
  trigger: { since: 11, feature: 'row triggers of partitioned tables' },
  triggerBefore: { since: 13, feature: 'row triggers BEFORE of partitioned tables' },
} as const

type Part = keyof typeof features

/** Knows which tables are partitioned: the text of a constraint or trigger does not tell. */
export class PartitionedTables {
  readonly #version: number
  /** As {@link relationAfter} gives them. */
  readonly #tables = new Set<string>()

  constructor(version: number) {
    this.#version = version
  }

  /** What the server lacks for a statement; statements are to come in the order of the archive. */
  lacks(desc: string, seen: StatementWords): string | undefined {
    const { words } = seen
    if (desc === 'TABLE' && words.some((word, at) => word === 'partition' && words[at + 1] === 'by')) {
      this.#tables.add(relationAfter(seen, 0))
    }
    if (this.#tables.size === 0) return undefined
    for (const part of this.#partsIn(desc, seen)) {
      const { since, feature } = features[part]
      if (since > this.#version) return feature
    }
    return undefined
  }

  *#partsIn(desc: string, seen: StatementWords): Generator<Part, void, void> {
    const { words } = seen
    const isOf = (from: number): boolean => from !== -1 && this.#tables.has(relationAfter(seen, from))
    if (desc === 'CONSTRAINT' && isOf(0)) {
      if (words.includes('exclude')) yield 'exclusion'
      if (words.includes('primary') || words.includes('unique')) yield 'key'
    }
    if (desc === 'FK CONSTRAINT') {
      if (isOf(0)) {
        yield 'foreignKey'
        if (words.at(-2) === 'not' && words.at(-1) === 'valid') yield 'notValid'
      }
      if (isOf(words.indexOf('references'))) yield 'referred'
    }
    if (desc === 'TRIGGER' && words[0] === 'create' && words.includes('row') && isOf(words.indexOf('on'))) {
      yield words.includes('before') ? 'triggerBefore' : 'trigger'
    }
  }
}

/** A partition's own trigger comes from its table's: the entry says only what differs. */
export const clonedTrigger: Judge = ({ words, tokens, text }) => {
  const isAlone = text.slice(0, tokens[0]?.start).trim() === ''
  return isAlone && words[0] === 'alter' && words.at(-2) === 'trigger' ? { refuses: true } : undefined
}

/** The first qualified name from a word on, as it is written. */
function relationAfter({ text, tokens, words }: StatementWords, from: number): string {
  const dot = words.indexOf('.', from)
  return text.slice(tokens[dot - 1]?.start, tokens[dot + 1]?.end)
}
