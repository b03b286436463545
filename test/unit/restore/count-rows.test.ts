import { expect, test } from 'vitest'
import { countRows, filter, open } from '../../../src/index.ts'
import { fixture } from '../../helpers/corpus.ts'

/** Rows by the name of the table, once all data have been read. */
async function counts(path: string): Promise<ReadonlyMap<string, number>> {
  await using archive = await open(fixture(path).file)
  const { view, rows } = countRows(filter(archive, {}))
  const found = new Map<string, number>()
  for (const entry of view.toc) {
    if (entry.desc !== 'TABLE DATA') continue
    expect(rows.has(entry.dumpId)).toBe(false)
    for await (const _ of view.data(entry));
    found.set(`${entry.namespace}.${entry.tag}`, rows.get(entry.dumpId) ?? -1)
  }
  return found
}

test('countRows() counts the lines of COPY, and no end mark', async () => {
  await using archive = await open(fixture('13/full-Fc.dump').file)
  const lines = new Map<string, number>()
  for (const entry of archive.toc) {
    if (entry.desc !== 'TABLE DATA') continue
    const text = new TextDecoder('latin1').decode(await archive.data(entry).bytes())
    const rows = text.split('\n\\.\n')[0] ?? ''
    lines.set(`${entry.namespace}.${entry.tag}`, text.startsWith('\\.') ? 0 : rows.split('\n').length)
  }
  const found = await counts('13/full-Fc.dump')
  expect(found).toEqual(lines)
  expect(found.get('plain.many_rows')).toBeGreaterThan(1000)
  expect(found.get('plain.empty_table')).toBe(0)
})

test('countRows() counts rows of INSERT statements that hold many', async () => {
  const copied = await counts('13/full-Fc.dump')
  const inserted = await counts('13/rows-per-insert-Fd-j2.dir')
  expect(inserted.size).toBeGreaterThan(5)
  expect(Math.max(...inserted.values())).toBeGreaterThan(3)
  expect([...inserted].filter(([table, rows]) => copied.get(table) !== rows)).toEqual([])
})

test('countRows() says nothing of a table whose data were not read to their end', async () => {
  await using archive = await open(fixture('13/full-Fc.dump').file)
  const { view, rows } = countRows(archive)
  const entry = view.toc.find(({ desc, tag }) => desc === 'TABLE DATA' && tag === 'many_rows')
  if (entry === undefined) throw new Error('there is no such table')
  for await (const _ of view.data(entry)) break
  expect(rows.size).toBe(0)
})
