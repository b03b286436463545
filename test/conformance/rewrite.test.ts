import { beforeAll, describe, expect, test } from 'vitest'
import { encodeByteString } from '../../src/bytes/byte-string.ts'
import { isFiltered, open, rewriteOwner, rewriteSchema, toSql } from '../../src/index.ts'
import type { Archive, ArchiveView, Rewritten, TextField, TocEntry } from '../../src/index.ts'
import { identifierOf, tokenize } from '../../src/sql/lexer.ts'
import { decoderFor } from '../../src/toc/encoding.ts'
import { encoderFor } from '../../src/toc/encode-name.ts'
import { allArchives, corpusRoot, withoutCorpus } from '../helpers/corpus.ts'

const fields: readonly TextField[] = [
  'tableoid',
  'oid',
  'tag',
  'desc',
  'defn',
  'dropStmt',
  'copyStmt',
  'namespace',
  'tablespace',
  'tableam',
  'owner',
  'withOids',
]

/** All that an archive says, as byte strings. */
function textOf(view: ArchiveView): readonly (readonly unknown[])[] {
  return view.toc.map((entry) => [
    ...fields.map((field) => entry.raw.byteString(field)),
    entry.dumpId,
    entry.section,
    entry.relkind,
    entry.data,
    entry.dependencies,
  ])
}

/** The names in a field of entries, without those of the server. */
function namesIn(view: ArchiveView, pick: (entry: TocEntry) => string | null): string[] {
  const names = new Set<string>()
  for (const entry of view.toc) {
    const name = pick(entry)
    if (name !== null && name !== '' && !/^(?:pg_|information_schema$|public$)/.test(name)) names.add(name)
  }
  return [...names]
}

const ownersIn = (view: ArchiveView): string[] => namesIn(view, ({ owner }) => owner)
const schemasIn = (view: ArchiveView): string[] => namesIn(view, ({ namespace }) => namespace)

/** A map to odd names of its own for each name, and the way back. */
function oddNames(names: readonly string[], encoding: string): readonly [Map<string, string>, Map<string, string>] {
  const odd = 'Über "Näme"\n \\ \''
  const stem = encoderFor(encoding)(odd) === undefined ? 'Odd "Name"\n \\ \'' : odd
  const there = new Map(names.map((name, index) => [name, `${stem}${index}`]))
  return [there, new Map([...there].map(([name, next]) => [next, name]))]
}

/** Tokens that are one of the names, outside of what was reported, as `field dumpId name`. */
function remaining(
  view: ArchiveView & Rewritten,
  names: ReadonlySet<string>,
  isMeant: (text: string, after: number) => boolean,
): string[] {
  const { encoding, stdStrings } = view.settings
  const decode = decoderFor(encoding)
  const reported = new Set(view.undecided().map(({ dumpId, field }) => `${field} ${dumpId}`))
  const found: string[] = []
  for (const entry of view.toc) {
    for (const field of ['defn', 'dropStmt', 'copyStmt'] as const) {
      const text = entry.raw.byteString(field) ?? ''
      if (reported.has(`${field} ${entry.dumpId}`)) continue
      for (const token of tokenize(text, { encoding, stdStrings })) {
        if (token.kind !== 'word' && token.kind !== 'name') continue
        const name = decode(encodeByteString(identifierOf(text, token)))
        if (names.has(name) && isMeant(text, token.end)) found.push(`${field} ${entry.dumpId} ${name}`)
      }
    }
  }
  return found
}

test('the full corpus is there', ({ skip }) => {
  if (corpusRoot === undefined) skip(withoutCorpus)
})

describe.each(allArchives())('$path', ({ file }) => {
  let archive: Archive
  beforeAll(async () => {
    archive = await open(file)
    return () => archive.close()
  })

  test('rewriteOwner() of every role to itself changes nothing', () => {
    const same = Object.fromEntries(ownersIn(archive).map((name) => [name, name]))
    expect(textOf(rewriteOwner(archive, same))).toEqual(textOf(archive))
    expect(rewriteOwner(archive, same).undecided()).toEqual([])
  })

  test('rewriteOwner() there and back gives the same bytes', () => {
    const [there, back] = oddNames(ownersIn(archive), archive.settings.encoding)
    const moved = rewriteOwner(archive, there)
    expect(ownersIn(moved).every((name) => back.has(name))).toBe(true)
    expect(textOf(rewriteOwner(moved, back))).toEqual(textOf(archive))
  })

  test('rewriteOwner() leaves no old role where it is not reported', () => {
    const owners = ownersIn(archive)
    // a table or schema may have the name of a role
    const others = new Set(archive.toc.flatMap(({ tag, namespace }) => [tag, namespace]))
    const names = owners.filter((name) => !others.has(name))
    const moved = rewriteOwner(archive, new Map(names.map((name, index) => [name, `moved_${index}`])))
    expect(remaining(moved, new Set(names), () => true)).toEqual([])
  })

  test('rewriteSchema() there and back gives the same bytes', () => {
    const [there, back] = oddNames(schemasIn(archive), archive.settings.encoding)
    const moved = rewriteSchema(archive, there)
    expect(schemasIn(moved).every((name) => back.has(name))).toBe(true)
    expect(textOf(rewriteSchema(moved, back))).toEqual(textOf(archive))
    expect(rewriteSchema(moved, back).settings).toEqual(archive.settings)
  })

  test('rewriteSchema() leaves no old schema before a name where it is not reported', () => {
    const names = schemasIn(archive)
    const moved = rewriteSchema(archive, new Map(names.map((name, index) => [name, `moved_${index}`])))
    expect(remaining(moved, new Set(names), (text, end) => text.charAt(end) === '.')).toEqual([])
  })

  test('a rewritten view is no filtered one, and gives its data', async () => {
    const moved = rewriteOwner(archive, { all: 'somebody' })
    expect(isFiltered(moved)).toBe(false)
    const options = { restrictKey: false, noOwner: true } as const
    const dataOnly = async (view: ArchiveView): Promise<number> => {
      let bytes = 0
      for await (const chunk of toSql(view, options)) bytes += chunk.length
      return bytes
    }
    expect(await dataOnly(moved)).toBeGreaterThan(0)
  })
})
