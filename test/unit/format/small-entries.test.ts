import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { create, open, type ArchiveFormat, type TocEntry } from '../../../src/index.ts'
import { blockLayout } from '../../../src/format/custom-blocks.ts'
import { SeekableBlocks } from '../../../src/format/custom-seekable.ts'
import { readToc } from '../../../src/format/read-toc.ts'
import { SecondToc } from '../../../src/format/second-toc.ts'
import { pullOver } from '../../../src/io/pull.ts'
import { Windows } from '../../../src/io/windows.ts'
import { defaultLimits } from '../../../src/limits.ts'
import { bytesSource, type RandomAccess } from '../../../src/io/source.ts'

const folder = mkdtempSync(join(tmpdir(), 'pgdmp-small-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

/** An archive of so many tables of one row. */
async function archiveOf(format: ArchiveFormat, tables: number): Promise<Uint8Array> {
  const file = join(folder, `${format}-${tables}`)
  const archive = await create(file, { format })
  for (let table = 1; table <= tables; table++) {
    const place = { tag: `t${table}`, namespace: 'public' }
    archive.addEntry({
      ...place,
      dumpId: 10 + table,
      desc: 'TABLE DATA',
      columns: ['x'],
      data: [[`row ${10 + table}`]],
    })
  }
  await archive.finish()
  return new Uint8Array(readFileSync(file))
}

const expectRow = async (bytes: Promise<Uint8Array>, { dumpId }: TocEntry): Promise<void> =>
  expect(Buffer.from(await bytes).toString()).toBe(`row ${dumpId}\n\\.\n\n\n`)

test.each(['custom', 'tar'] as const)('small entries of a %s archive are read together', async (format) => {
  const { size, read } = bytesSource(await archiveOf(format, 500))
  let reads = 0
  const source: RandomAccess = {
    size,
    read: (offset, length) => {
      reads++
      return read(offset, length)
    },
  }
  await using archive = await open(source)
  const before = reads
  for (const entry of archive.toc) {
    if (entry.desc === 'TABLE DATA') await expectRow(archive.data(entry).bytes(), entry)
  }
  // tar walks its headers by a window of its own
  expect(reads - before).toBeLessThan(20)
})

test.each(['custom', 'tar'] as const)(
  'entries of a %s archive are read in any order, several at a time, some left in the middle',
  async (format) => {
    await using archive = await open(await archiveOf(format, 60))
    const entries = archive.toc.filter(({ desc }) => desc === 'TABLE DATA')
    const read = async (entry: TocEntry): Promise<void> => {
      const left = archive.data(entry)[Symbol.asyncIterator]()
      if (entry.dumpId % 2 === 0) await left.next()
      if (entry.dumpId % 3 === 0) await left.return?.()
      await expectRow(archive.data(entry).bytes(), entry)
      // released again, after others have gone on with its window
      await left.return?.()
    }
    await Promise.all(entries.map(read))
    for (const entry of entries.toReversed()) await read(entry)
  },
)

test('a block that is released twice gives its window back once', async () => {
  const source = bytesSource(await archiveOf('custom', 3))
  const pull = pullOver(source)
  const parsed = await readToc(pull, { format: 'custom', limits: defaultLimits, onWarning: () => undefined })
  const layout = blockLayout(parsed.header, source.size, new SecondToc(parsed.header, () => parsed.toc))
  const blocks = new SeekableBlocks(parsed, layout, pull.position, new Windows(source, undefined))
  const [one, two, three] = parsed.toc.filter(({ desc }) => desc === 'TABLE DATA')
  if (one === undefined || two === undefined || three === undefined) throw new Error('there are three tables')
  const first = await blocks.open(one)
  first.ended(await first.body.finish())
  await first.release()
  const second = await blocks.open(two)
  await first.release()
  const third = await blocks.open(three)
  expect(third.body.header.dumpId).toBe(three.dumpId)
  const next = await blocks.open(three)
  expect(await second.body.finish()).toBe(next.body.header.offset)
})
