import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { makersOfUndeclared } from '../../src/inspect/salvage-objects.ts'
import { DumpIds } from '../../src/inspect/salvage-entries.ts'
import { placed } from '../../src/inspect/salvage-mend.ts'
import { HeldBack } from '../../src/restore/held-back.ts'
import { entryOf } from '../helpers/entries.ts'
import { root } from '../helpers/paths.ts'
import { run } from '../helpers/process.ts'
import { concat, copyEnd, dataBlock, int, tocBytes } from '../unit/format/build-archive.ts'

/* More of something than a call can have arguments (some 120,000). */

const folder = mkdtempSync(join(tmpdir(), 'pgdmp-many-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const many = 200_000
const times = <T>(count: number, make: (at: number) => T): T[] => Array.from({ length: count }, (_, at) => make(at))

test('pgdmp verify -v names every entry', { timeout: 120_000 }, async () => {
  // head of an entry up to its id, and what follows the id
  const one = tocBytes([{ dumpId: 1 }])
  const head = tocBytes([]).subarray(0, -5)
  const entry = one.subarray(head.length + 5)
  const block = dataBlock(1, copyEnd)
  const withId = (bytes: Uint8Array, at: number, dumpId: number): Uint8Array => {
    const copy = Buffer.from(bytes)
    copy.set(int(dumpId), at)
    return copy
  }
  const file = join(folder, 'many.dump')
  const entries = Buffer.concat(times(many, (at) => withId(entry, 0, at + 1)))
  const blocks = Buffer.concat(times(many, (at) => withId(block, 1, at + 1)))
  writeFileSync(file, concat(head, int(many), entries, blocks))
  const program = join(root, 'dist/cli/main.js')
  const { status, stdout, stderr } = await run(process.execPath, [program, 'verify', '--quick', '-v', file], {
    timeout: 100_000,
  })
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' })
  expect(stdout.toString().match(/^ {2}[0-9]+ TABLE DATA public\.t/gm)?.length).toBe(many)
})

test('salvage() puts very many entries in their places, and makes them', () => {
  const made = times(many, (at) => entryOf(at + 2, { section: 'data', desc: 'BLOB METADATA' }))
  expect(placed([entryOf(1)], made)).toHaveLength(many + 1)
  const owner = entryOf(1, { desc: 'BLOBS', section: 'data' })
  const objects = times(
    many,
    (at) =>
      ({
        oid: at + 1,
        payload: { container: 'none', offset: 0, open: () => Promise.reject(new Error('not read')) },
        bytes: 0,
        state: 'whole',
        broken: undefined,
      }) as const,
  )
  const kept = new Map([[owner, { kind: 'objects', state: 'whole', objects, bytes: 0, broken: undefined } as const]])
  const makers = makersOfUndeclared([owner], new DumpIds([1], []), { major: 1, minor: 14, rev: 0 }, kept)
  expect(makers).toHaveLength(many)
})

test('HeldBack goes to all tables above one', () => {
  const tables = times(many, (at) => entryOf(at + 3))
  const heir = entryOf(1, { dependencies: tables.map(({ dumpId }) => dumpId) })
  const rows = entryOf(2, { desc: 'TABLE DATA', section: 'data', dependencies: [1] })
  const held = new HeldBack([...tables, heir, rows])
  held.lacksRows(rows)
  const trigger = (of: number): boolean =>
    held.holds(entryOf(many + 9, { desc: 'TRIGGER', section: 'post-data', dependencies: [of] }))
  expect([trigger(many + 2), trigger(many + 5)]).toEqual([true, false])
})
