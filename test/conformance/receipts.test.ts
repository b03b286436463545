import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Ajv2020 } from 'ajv/dist/2020.js'
import { afterAll, describe, expect, test } from 'vitest'
import { open } from '../../src/archive.ts'
import { create } from '../../src/create.ts'
import { parseReceipt, type Receipt } from '../../src/inspect/receipt.ts'
import { verify } from '../../src/inspect/verify.ts'
import { convert } from '../../src/ops/convert.ts'
import { allArchives, fixture } from '../helpers/corpus.ts'
import { root } from '../helpers/paths.ts'

const scratch = mkdtempSync(join(tmpdir(), 'pgdmp-receipts-'))
afterAll(() => rmSync(scratch, { recursive: true }))
const fits = new Ajv2020().compile(JSON.parse(readFileSync(join(root, 'spec/receipt.schema.json'), 'utf8')))
const full = fixture('18/full-Fc.dump').file

async function receiptOf(file: string): Promise<Receipt> {
  const { receipt } = await verify(file, { receipt: true })
  if (receipt === null) throw new Error(`${file} gave no receipt`)
  return receipt
}

/** What is told of an archive beside a receipt, but for what is told without. */
async function changes(file: string, against: Receipt): Promise<readonly string[]> {
  const { findings } = await verify(file, { against })
  return findings
    .filter(({ code }) => code !== 'NO_CHECKSUMS' && code !== 'DEPENDENCY_NOT_IN_ARCHIVE')
    .map(({ severity, code }) => `${severity} ${code}`)
}

describe('a receipt fits spec/receipt.schema.json:', () => {
  const names = /(?:full-F[cdt]|v1\.0-Fc|small-F[cdt]|pre-data|inserts|latin1|sqlascii)/
  for (const { path, file } of allArchives().filter((archive) => names.test(archive.path))) {
    test(path, { timeout: 60_000 }, async () => {
      const receipt = JSON.parse(JSON.stringify(await receiptOf(file)))
      expect(fits(receipt), JSON.stringify(fits.errors)).toBe(true)
      expect(parseReceipt(receipt)).toEqual(receipt)
      expect(fits({ ...receipt, entries: [{ ...receipt.entries[0], data: 'x' }] })).toBe(false)
      expect(fits({ ...receipt, more: 1 })).toBe(false)
    })
  }
})

describe('a receipt holds for a conversion:', () => {
  test.each([
    ['directory, zstd', { format: 'directory', compression: { method: 'zstd' } }],
    ['tar', { format: 'tar', compression: { method: 'none' } }],
    ['an older archive version, large objects one by one', { archiveVersion: { major: 1, minor: 14, rev: 0 } }],
  ] as const)('%s', { timeout: 60_000 }, async (name, options) => {
    const receipt = await receiptOf(full)
    const other = join(scratch, name)
    {
      await using archive = await open(full)
      await convert(archive, other, options)
    }
    expect(await changes(other, receipt)).toEqual(['info STORED_BYTES_CHANGED'])
  })
})

test('a receipt tells of a row, an entry and an owner that are others', async () => {
  let made = 0
  const make = async (row: string, owner: string, view: boolean, object: string): Promise<string> => {
    const file = join(scratch, `made-${++made}`)
    const archive = await create(file, { createDate: new Date(0) })
    const defn = 'CREATE TABLE public.t (a text);\n'
    const named = { tag: 't', namespace: 'public', owner }
    const table = archive.addEntry({ ...named, desc: 'TABLE', defn })
    if (view) archive.addEntry({ ...named, tag: 'v', desc: 'VIEW', defn: 'CREATE VIEW public.v AS SELECT 1;\n' })
    archive.addLargeObjects([{ oid: 77, data: Buffer.from(object) }])
    archive.addEntry({ ...named, desc: 'TABLE DATA', columns: ['a'], dependencies: [table], data: [['same'], [row]] })
    await archive.finish()
    return file
  }
  const sound = await make('row', 'ann', true, 'object')
  const receipt = await receiptOf(sound)
  expect(await changes(sound, receipt)).toEqual([])
  expect(await changes(await make('rov', 'ann', true, 'object'), receipt)).toEqual(['error DATA_CHANGED'])
  expect(await changes(await make('row', 'ann', true, 'objecT'), receipt)).toEqual(['error LARGE_OBJECT_CHANGED'])
  const withoutView = await make('row', 'ann', false, 'object')
  expect(await changes(withoutView, receipt)).toContain('error ENTRY_MISSING')
  expect(await changes(sound, await receiptOf(withoutView))).toContain('error ENTRY_ADDED')
  const owned = await verify(await make('row', 'bob', true, 'object'), { against: receipt })
  expect(new Set(owned.findings.map(({ code }) => code))).toEqual(new Set(['DEFINITION_CHANGED']))
  expect(owned.findings.length).toBe(3)
})

describe('a receipt that is none is refused, whatever it is:', () => {
  const deep = `${'['.repeat(200_000)}${']'.repeat(200_000)}`
  test.each([
    ['nested', deep],
    ['a nested version', `{"receipt":${deep}}`],
    ['a nested field', `{"receipt":1,"tool":${deep}}`],
    ['a later layout', '{"receipt":2}'],
    ['a prototype', '{"__proto__":{"receipt":1}}'],
    ['a long string', `{"receipt":"${'x'.repeat(5_000_000)}"}`],
  ])('%s', (_, text) => {
    expect(() => parseReceipt(text)).toThrow(expect.objectContaining({ code: 'BAD_RECEIPT' }))
    try {
      parseReceipt(text)
    } catch (error) {
      expect(String(error).length).toBeLessThan(400)
    }
  })

  test('every field of another type', async () => {
    const receipt: unknown = JSON.parse(JSON.stringify(await receiptOf(fixture('derived/small-Fc.dump').file)))
    let tried = 0
    const visit = (value: unknown): void => {
      if (typeof value !== 'object' || value === null) return
      for (const key of Object.keys(value).slice(0, 10)) {
        const was: unknown = Reflect.get(value, key)
        for (const wrong of [undefined, true, -1, 1.5, 2 ** 60, {}]) {
          Reflect.set(value, key, wrong)
          tried++
          expect(() => parseReceipt(receipt as object), `${key} ${String(wrong)}`).toThrow(
            expect.objectContaining({ code: 'BAD_RECEIPT' }),
          )
        }
        Reflect.set(value, key, was)
        visit(was)
      }
    }
    visit(receipt)
    expect(tried).toBeGreaterThan(100)
  })

  test('given to verify() itself', async () => {
    // as from JavaScript, where no type is checked
    const against = JSON.parse('{"receipt":1}') as Receipt
    await expect(verify(full, { against })).rejects.toMatchObject({ code: 'BAD_RECEIPT' })
  })
})
