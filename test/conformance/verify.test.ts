import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { open } from '../../src/archive.ts'
import { compareReceipts } from '../../src/inspect/compare-receipts.ts'
import { parseReceipt } from '../../src/inspect/receipt.ts'
import { verify, type VerifyReport } from '../../src/inspect/verify.ts'
import { convert } from '../../src/ops/convert.ts'
import { digest } from '../../src/ops/digest.ts'
import { allArchives, fixtures, type PlacedArchive } from '../helpers/corpus.ts'

/** Archives before 1.3 have no COPY statements. */
const lacksStatements = ({ archive_version: version }: PlacedArchive): boolean => Number(version.split('.')[1]) < 3
const archives = allArchives().filter((archive) => !lacksStatements(archive))

async function* chunked(bytes: Uint8Array, size: number): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size)
}

describe('verify() finds nothing in sound archives:', () => {
  for (const { path, file } of archives) {
    test(path, { timeout: 120_000 }, async () => {
      const deep = await verify(file, { receipt: true })
      expect(deep.findings.filter(({ severity }) => severity !== 'info')).toEqual([])
      const quick = await verify(file, { level: 'quick' })
      expect(quick.findings.filter(({ severity }) => severity !== 'info')).toEqual([])
      expect(deep.sound && quick.sound).toBe(true)
      expect(deep.entries.length).toBe(quick.entries.length)
      // the receipt is of the same content as everybody else's digest
      await using archive = await open(file)
      expect(deep.receipt?.digest.sha256).toBe((await digest(archive)).sha256)
    })
  }
})

test('verify() tells of rows that have no COPY statement, of the archive and of what it is converted to', async () => {
  const early = allArchives().filter(lacksStatements)
  expect(early.length).toBeGreaterThan(0)
  for (const { file } of early) {
    const codes = ({ findings }: VerifyReport): (readonly [string, number | undefined])[] =>
      findings.filter(({ severity }) => severity !== 'info').map(({ code, dumpId }) => [code, dumpId])
    const found = await verify(file)
    expect(new Set(codes(found).map(([code]) => code))).toEqual(new Set(['COPY_WITHOUT_STATEMENT']))
    const out = join(mkdtempSync(join(tmpdir(), 'pgdmp-verify-early-')), 'out')
    await using archive = await open(file)
    await convert(archive, out, { format: 'custom' })
    const converted = await verify(out)
    expect(codes(converted)).toEqual(codes(found))
    expect(converted.totals.rows).toBe(found.totals.rows)
    rmSync(dirname(out), { recursive: true })
  }
})

const full = fixtures().find(({ path }) => path === '18/full-Fc.dump')?.file ?? ''

test('verify() finds the same in a stream', async () => {
  const whole = await verify(full, { receipt: true })
  const stream = await verify(chunked(readFileSync(full), 10_000), { receipt: true })
  expect(stream.findings).toEqual(whole.findings)
  expect(stream.receipt?.archive).toEqual(whole.receipt?.archive)
  expect(stream.receipt?.entries).toEqual(whole.receipt?.entries)
})

test('verify() goes on after a damaged block', async () => {
  const bytes = Uint8Array.from(readFileSync(full))
  await using archive = await open(bytes)
  const { dataBytes } = await archive.storedSizes()
  const entry = archive.toc.find(({ desc, dumpId }) => desc === 'TABLE DATA' && (dataBytes.get(dumpId) ?? 0) > 1000)
  if (entry?.data.state !== 'set') throw new Error('no table is large enough')
  const at = entry.data.offset + 200
  bytes[at] = (bytes[at] ?? 0) ^ 0x55
  const { findings, entries, sound } = await verify(bytes)
  expect(sound).toBe(false)
  expect(findings.filter(({ severity }) => severity !== 'info').map(({ dumpId }) => dumpId)).toEqual([entry.dumpId])
  const sizes = entries.filter(({ desc, bytes: read }) => desc === 'TABLE DATA' && read !== null)
  expect(sizes.length).toBe(entries.filter(({ desc }) => desc === 'TABLE DATA').length)
})

test('verify() tells of bytes after the last block', async () => {
  const bytes = Buffer.concat([readFileSync(full), Buffer.from('more')])
  expect((await verify(bytes)).findings).toContainEqual(expect.objectContaining({ code: 'TRAILING_BYTES' }))
})

test('verify() tells of an archive that was cut', async () => {
  const whole = readFileSync(full)
  const { findings, readable } = await verify(whole.subarray(0, whole.length - 1000))
  expect(readable).toBe(true)
  expect(findings).toContainEqual(expect.objectContaining({ code: 'UNEXPECTED_EOF', severity: 'error' }))
  expect((await verify(whole.subarray(0, 500))).readable).toBe(false)
  expect((await verify(Buffer.from('no archive at all'))).findings).toMatchObject([{ code: 'NOT_AN_ARCHIVE' }])
})

test('verify() throws what the file system says', async () => {
  await expect(verify('/no/such/archive')).rejects.toMatchObject({ code: 'ENOENT' })
})

test('verify() compares with a receipt of another format', async () => {
  const { receipt } = await verify(full, { receipt: true })
  const text = JSON.stringify(receipt)
  const other = fixtures().find(({ path }) => path === '18/full-Fc-pipe.dump')?.file ?? ''
  const { findings, sound } = await verify(other, { against: parseReceipt(text) })
  // another run of pg_dump: the header tells, the content is the same or told of entry by entry
  expect(findings.some(({ code }) => code === 'STORED_BYTES_CHANGED' || code === 'HEADER_CHANGED')).toBe(true)
  expect(sound).toBe(!findings.some(({ severity }) => severity !== 'info'))
})

test('compareReceipts() names what is missing, added and changed', async () => {
  const { receipt } = await verify(full, { receipt: true })
  if (receipt === null) throw new Error('there is no receipt')
  const [first, ...rest] = receipt.entries
  const changed = {
    ...receipt,
    entries: rest.map((entry, index) => (index === 0 ? { ...entry, definition: '0'.repeat(64) } : entry)),
  }
  expect(compareReceipts(receipt, changed).map(({ code, dumpId }) => [code, dumpId])).toEqual([
    ['DEFINITION_CHANGED', rest[0]?.dumpId],
    ['ENTRY_MISSING', first?.dumpId],
  ])
  expect(compareReceipts(changed, receipt).map(({ code }) => code)).toEqual(['DEFINITION_CHANGED', 'ENTRY_ADDED'])
  expect(compareReceipts(receipt, receipt)).toEqual([])
})

test('parseReceipt() refuses what is no receipt', () => {
  for (const text of ['', '[]', '{}', '{"receipt":2}', '{"receipt":1,"tool":3}', 'null', '\u0000']) {
    expect(() => parseReceipt(text)).toThrow(expect.objectContaining({ code: 'BAD_RECEIPT' }))
  }
})
