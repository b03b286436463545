import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { fixtures, readStored, toolOf } from '../helpers/corpus.ts'
import { cli, shipped } from '../helpers/paths.ts'
import { run } from '../helpers/process.ts'

const clientEncodings = ['SJIS', 'SHIFT_JIS_2004', 'BIG5', 'GBK', 'GB18030', 'UHC']

const archives = fixtures().flatMap((archive) => {
  const { encoding, words } = archive
  return encoding === undefined || words === undefined ? [] : [{ archive, encoding, words }]
})

test('every encoding that only clients have is there, but for JOHAB', () => {
  expect(new Set(archives.map(({ encoding }) => encoding))).toEqual(new Set(clientEncodings))
})

describe.concurrent.each(archives)('$archive.path', ({ archive, encoding, words }) => {
  const { backslash, bar, at, text } = words

  test('shows names in `list --json` as they are', async () => {
    const { status, stdout, stderr } = await run(process.execPath, [cli, 'list', '--json', archive.file])
    expect([status, stderr]).toEqual([0, ''])
    const listing: { readonly header: unknown; readonly entries: readonly Record<string, unknown>[] } = JSON.parse(
      stdout.toString(),
    )
    const found = listing.entries.map(({ desc, namespace, tag, owner }) => [desc, namespace, tag, owner])
    const role = `role ${backslash}`
    for (const expected of [
      ['SCHEMA', null, backslash, role],
      ['TABLE', backslash, `${bar}${backslash}`, role],
      ['TABLE DATA', backslash, `${bar}${backslash}`, role],
      ['TABLE', backslash, `quote"${backslash}`, 'postgres'],
      ['TABLE', 'public', `${bar}${at}`, 'postgres'],
      ['FUNCTION', backslash, `${at}(text)`, 'postgres'],
      ['TYPE', backslash, bar, 'postgres'],
      ['VIEW', backslash, `view ${backslash}`, 'postgres'],
      ['SEQUENCE', backslash, text, 'postgres'],
      ['INDEX', backslash, `${bar}_${backslash}`, role],
    ]) {
      expect(found).toContainEqual(expected)
    }
  })

  test('list() gives the text of what pg_restore lists', async () => {
    const { filter, list, open } = await shipped()
    await using opened = await open(archive.file)
    expect(opened.settings.encoding).toBe(encoding)
    let lists = 0
    for (const oracle of archive.oracles) {
      if (oracle.text_file === undefined) continue
      lists += 1
      const compat = toolOf(archive, oracle)
      const expected = readStored(join(archive.root, oracle.text_file)).toString()
      expect(list(filter(opened, {}, { compat }), { compat })).toBe(expected)
    }
    expect(lists).toBeGreaterThan(0)
  })

  test('is filtered by decoded names', async () => {
    const { filter, open } = await shipped()
    await using opened = await open(archive.file)
    const chosen = filter(opened, { schemas: [backslash], tables: [`${bar}${backslash}`] })
    expect(chosen.toc.map(({ desc }) => desc)).toEqual(expect.arrayContaining(['TABLE', 'TABLE DATA']))
    const byPattern = filter(opened, { match: 'pattern', tables: [`"${backslash}"."${bar}${backslash}"`] })
    expect(byPattern.toc.map(({ dumpId }) => dumpId)).toEqual(chosen.toc.map(({ dumpId }) => dumpId))
  })
})
