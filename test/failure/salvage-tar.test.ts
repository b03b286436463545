import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { create, open, salvage, verify, type DumpId, type SalvageReport } from '../../src/index.ts'
import { fixture } from '../helpers/corpus.ts'
import { readAll } from '../helpers/damage.ts'
import { tarMembers, type PlainMember } from '../helpers/tar.ts'

const scratch = mkdtempSync(join(tmpdir(), 'pgdmp-salvage-tar-'))
afterAll(() => rmSync(scratch, { recursive: true }))
const output = join(scratch, 'output')

const { file } = fixture('derived/small-Ft.tar')
const sound = readFileSync(file)

interface Placed extends PlainMember {
  /** Offsets of the header, of the data, after them, and after their padding. */
  readonly at: number
  readonly start: number
  readonly end: number
  readonly next: number
}

function placed(members: readonly PlainMember[]): readonly Placed[] {
  let at = 0
  return members.map((member) => {
    const start = at + 512
    const end = start + member.content.length
    const next = end + (-end & 511)
    const found = { ...member, at, start, end, next }
    at = next
    return found
  })
}

const members = placed(tarMembers(sound))
const named = (name: string): Placed => {
  const found = members.find((member) => member.name === name)
  if (found === undefined) throw new Error(`no member ${name}`)
  return found
}

/** What salvage keeps of bytes, by the dump id of its entry; everything verify has nothing against. */
async function kept(input: Buffer): Promise<{ readonly report: SalvageReport; readonly data: Contents }> {
  rmSync(output, { recursive: true, force: true })
  const report = await salvage(input, output)
  const { findings } = await verify(output)
  expect(findings.filter(({ severity }) => severity !== 'info')).toEqual([])
  return { report, data: await contents() }
}

/** Text of tables by their dump ids, of large objects by their OIDs. */
type Contents = ReadonlyMap<DumpId | `object ${number}`, string>

async function contents(path: string = output): Promise<Contents> {
  await using archive = await open(path)
  const found = new Map<DumpId | `object ${number}`, string>()
  for (const [id, { rows, objects }] of await readAll(archive)) {
    if (rows !== undefined) found.set(id, rows.toString('latin1'))
    for (const [oid, digest] of objects) found.set(`object ${oid}`, digest)
  }
  return found
}

let all: Contents
beforeAll(async () => {
  all = await contents(file)
})

const ownerOf = (name: string): DumpId | `object ${number}` => {
  const [, kind, id] = /^(blob_)?([0-9]+)\.dat/.exec(name) ?? []
  return kind === undefined ? Number(id) : `object ${Number(id)}`
}

const without = (from: number, to: number): Buffer => Buffer.concat([sound.subarray(0, from), sound.subarray(to)])
const withMore = (at: number, more: Buffer): Buffer => Buffer.concat([sound.subarray(0, at), more, sound.subarray(at)])
const garbage = (length: number): Buffer =>
  Buffer.from(Array.from({ length }, (_, index) => 1 + ((index * 7919) % 255)))

const dataMembers = members.filter(({ name }) => /^(?:[0-9]+|blob_[0-9]+)\.dat$/.test(name))

describe('salvage() of a tar archive whose members are not where they should be', () => {
  test.each(dataMembers)('keeps every member but $name, to which bytes were added', async ({ name, start, end }) => {
    for (const more of [1, 7, 511, 512, 1300]) {
      const { data, report } = await kept(withMore((start + end) >> 1, garbage(more)))
      for (const [id, text] of all) if (id !== ownerOf(name)) expect(data.get(id), `${id}, ${more}`).toBe(text)
      if (end > start + 1) expect(report.whole).toBe(false)
    }
  })

  test.each(dataMembers.filter(({ content }) => content.length > 4))(
    'keeps every member but $name, from which bytes were taken',
    async ({ name, start, end }) => {
      for (const less of [1, 3, 700, 5000]) {
        const from = start + 1
        const to = Math.min(end - 1, from + less)
        const { data, report } = await kept(without(from, to))
        for (const [id, text] of all) if (id !== ownerOf(name)) expect(data.get(id), `${id}, ${less}`).toBe(text)
        expect(report.whole).toBe(false)
      }
    },
  )

  test.each(dataMembers)('keeps $name where only its padding was changed', async ({ end, next }) => {
    if (next - end < 20) return
    for (const input of [withMore(end + 10, garbage(3)), withMore(end + 10, garbage(900)), without(end + 3, end + 9)]) {
      const { data, report } = await kept(input)
      expect(data).toEqual(all)
      expect(report.largeObjects).toEqual([])
    }
  })

  test.each(members)('keeps every other member and the rows of $name when its header is lost', async (member) => {
    const { name, at, start } = member
    const zeros = Buffer.from(sound)
    zeros.fill(0, at, start)
    for (const input of [zeros, without(at, start)]) {
      const { data, report } = await kept(input)
      expect(report.findings.map(({ message }) => message)).not.toContain('the header is damaged')
      for (const [id, text] of all)
        if (!name.startsWith('blob_') || id !== ownerOf(name)) expect(data.get(id), String(id)).toBe(text)
    }
  })

  test('keeps the data of an archive that has lost its first kilobyte, in tables that are made for them', async () => {
    const { data, report } = await kept(sound.subarray(1024))
    for (const [id, text] of all) expect(data.get(id), String(id)).toBe(text)
    expect(report.inputFormat).toBe('tar')
    expect(report.findings.map(({ code }) => code)).toContain('DAMAGED')
  })

  test('keeps large objects in the order of their members when the list of them is lost', async () => {
    const order = ['blob_1003.dat', 'blob_1001.dat', 'blob_1002.dat']
    const tables = members.filter(({ name }) => !name.startsWith('blob'))
    const input = pack([...tables, ...order.map(named)])
    const { data } = await kept(input)
    expect([...data.keys()].filter((id) => typeof id === 'string')).toEqual([
      'object 1003',
      'object 1001',
      'object 1002',
    ])
  })
})

function pack(packed: readonly PlainMember[]): Buffer {
  const parts = packed.flatMap(({ header, content }) => [header, content, Buffer.alloc(-content.length & 511)])
  return Buffer.concat([...parts, Buffer.alloc(1024)])
}

describe('salvage() of a tar archive with another one', () => {
  test('behind it takes the first alone, and says where the other begins', async () => {
    const other = Buffer.from(sound)
    const at = named('3009.dat').start
    other[at] = (other[at] ?? 0) ^ 1
    for (const first of [sound, sound.subarray(0, named('3009.dat').start), without(9000, 9100)]) {
      const { data, report } = await kept(Buffer.concat([first, other]))
      for (const [id, text] of data)
        if (all.get(id) === text) continue
        else expect(report.entries.find(({ dumpId }) => dumpId === id)?.state ?? 'lost').not.toBe('whole')
      expect(report.whole).toBe(false)
    }
    const { report } = await kept(Buffer.concat([sound, other]))
    expect(report.findings.map(({ message }) => message).join()).toContain(`begins at offset ${sound.length}`)
  })

  test('in a large object that is damaged takes nothing of that', async () => {
    const path = join(scratch, 'outer.tar')
    const outer = await create(path, { format: 'tar' })
    outer.addLargeObjects([
      { oid: 1001, data: sound },
      { oid: 5, data: Buffer.from('five') },
      { oid: 6000, data: Buffer.from('last') },
    ])
    await outer.finish()
    const wanted = await contents(path)
    const bytes = readFileSync(path)
    const object = placed(tarMembers(bytes)).find(({ name }) => name === 'blob_1001.dat')
    if (object === undefined) throw new Error('no large object')
    for (const cut of [3, 700]) {
      const at = object.start + 20_000
      const { data } = await kept(Buffer.concat([bytes.subarray(0, at), bytes.subarray(at + cut)]))
      for (const [id, text] of wanted) if (id !== 'object 1001') expect(data.get(id)).toBe(text)
      expect([...data.keys()].sort()).toEqual([...wanted.keys()].sort())
    }
  })
})
