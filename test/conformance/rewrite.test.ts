import { createReadStream, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { beforeAll, describe, expect, test } from 'vitest'
import { encodeByteString } from '../../src/bytes/byte-string.ts'
import { convert, digest, isFiltered, open, rewriteOwner, rewriteSchema, toSql } from '../../src/index.ts'
import type { Archive, ArchiveView, Rewritten, TextField, TocEntry } from '../../src/index.ts'
import { identifierOf, tokenize } from '../../src/sql/lexer.ts'
import { decoderFor } from '../../src/toc/encoding.ts'
import { encoderFor } from '../../src/toc/encode-name.ts'
import { allArchives, corpusRoot, withoutCorpus } from '../helpers/corpus.ts'
import { partOf } from '../helpers/part.ts'

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

/** Rows that are INSERT commands. */
const isInserts = ({ desc, copyStmt }: TocEntry): boolean => desc === 'TABLE DATA' && copyStmt === null
const withInserts = allArchives().filter(({ path }) => path.includes('insert'))

/** What the statements of a table begin with, each once. */
function targetsIn(rows: Uint8Array): string[] {
  const lines = Buffer.from(rows)
    .toString('latin1')
    .matchAll(/^INSERT INTO (?:"(?:[^"]|"")+"|\w+)\./gm)
  return [...new Set([...lines].map(([line]) => line))]
}

describe.each(withInserts)('INSERT commands of $path', ({ path, file }) => {
  test('are renamed, there and back', async () => {
    await using archive = await open(file)
    const schemas = [...schemasIn(archive), 'public']
    const [there, back] = oddNames(schemas, archive.settings.encoding)
    const moved = rewriteSchema(archive, there, { onWarning: () => undefined })
    const again = rewriteSchema(moved, back)
    let tables = 0
    for (const entry of moved.toc.filter(isInserts)) {
      const rows = await moved.data(entry).bytes()
      const was = archive.entry(entry.dumpId)
      const before = was === undefined ? rows : await archive.data(was).bytes()
      if (before.length < 10) continue
      tables += 1
      expect(targetsIn(before)).toHaveLength(1)
      expect(targetsIn(rows)[0]?.slice(0, 13)).toBe('INSERT INTO "')
      expect(targetsIn(rows)).not.toEqual(targetsIn(before))
      const home = again.entry(entry.dumpId)
      expect(home === undefined ? [] : Buffer.from(await again.data(home).bytes())).toEqual(Buffer.from(before))
    }
    expect(tables, path).toBeGreaterThan(0)
  })

  // on machines that are busy with others
  test('are renamed in every way that gives them', { timeout: 300_000 }, async () => {
    await using archive = await open(file)
    const [there] = oddNames([...schemasIn(archive), 'public'], archive.settings.encoding)
    const moved = rewriteSchema(archive, there)
    const folder = mkdtempSync(join(tmpdir(), 'pgdmp-inserts-'))
    try {
      const output = join(folder, 'moved.dump')
      await convert(moved, output, { format: 'custom' })
      await using converted = await open(output)
      const { content } = await digest(moved)
      expect((await digest(converted)).content).toBe(content)
      expect(content).not.toBe((await digest(archive)).content)
      const options = { restrictKey: false } as const
      const script = Buffer.from(await toSql(moved, options).bytes())
      expect(Buffer.from(await toSql(converted, options).bytes())).toEqual(script)
      await using piped = await open(createReadStream(output))
      const renamedAgain = rewriteSchema(piped, (name) => `again ${name.slice(-1)}`)
      for await (const block of renamedAgain.blocks()) {
        if (block.kind === 'large-objects' || block.entry === undefined || !isInserts(block.entry)) continue
        expect(targetsIn(await block.data.bytes()).filter((line) => !line.startsWith('INSERT INTO "again '))).toEqual(
          [],
        )
      }
    } finally {
      rmSync(folder, { recursive: true })
    }
  })
})

test('the full corpus is there', ({ skip }) => {
  if (corpusRoot === undefined) skip(withoutCorpus)
})

describe.each(partOf(allArchives(), ({ path }) => path, 2))('$path', ({ file }) => {
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
