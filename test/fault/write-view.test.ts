import { mkdtempSync, readFileSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, describe, expect, test } from 'vitest'
import { open } from '../../src/archive.ts'
import { create } from '../../src/create.ts'
import { restoreScript } from '../../src/ops/restore-script.ts'
import { writeView, type WriteViewOptions } from '../../src/write-view.ts'
import { digest, fixture } from '../helpers/corpus.ts'
import { openFiles } from '../helpers/faults.ts'
import { breakDisk, type FaultyDisk } from '../helpers/faulty-disk.ts'

const scratch = mkdtempSync(join(tmpdir(), 'pgdmp-write-faults-'))
afterAll(() => rmSync(scratch, { recursive: true, force: true }))
let disk: FaultyDisk | undefined
afterEach(() => {
  disk?.restore()
  disk = undefined
})

const source = fixture('derived/small-Fc.dump').file

const ways: readonly (readonly [string, WriteViewOptions])[] = [
  ['byte for byte', {}],
  ['entry by entry', { reindex: true }],
  ['compressed anew', { compression: { method: 'none' } }],
  ['a directory', { format: 'directory' }],
  ['a tar archive', { format: 'tar', restoreScript: (view) => restoreScript(view) }],
]

async function write(output: string, options: WriteViewOptions): Promise<void> {
  await using archive = await open(source)
  await writeView(archive, output, options)
}

describe('a disk that fails at the N-th call, for every N', () => {
  test.each(ways)('%s: the whole output or nothing', async (name, options) => {
    const before = digest(source)
    const handles = openFiles()
    disk = breakDisk(() => false)
    await write(join(scratch, `${name} whole`), options)
    const total = disk.calls.length
    disk.restore()
    const whole = digest(join(scratch, `${name} whole`))
    let refused = 0
    for (let failing = 1; failing <= total; failing++) {
      const place = mkdtempSync(join(scratch, 'place-'))
      const output = join(place, 'out')
      disk = breakDisk((call) => call === failing)
      const outcome = await write(output, options).catch((error: unknown) => error)
      disk.restore()
      if (outcome === undefined) expect(options.format === 'tar' ? whole : digest(output)).toBe(whole)
      else {
        refused++
        expect(outcome).toMatchObject({ code: 'EIO' })
        // the last thing to fail may be making the name durable
        const left = readdirSync(place)
        if (left.length > 0) expect(left).toEqual(['out'])
        if (left.length > 0 && options.format !== 'tar') expect(digest(output)).toBe(whole)
      }
      expect(openFiles()).toEqual(handles)
    }
    expect(refused).toBeGreaterThan(total / 2)
    expect(digest(source)).toBe(before)
  })
})

describe('a source that was cut short', () => {
  test.each(ways)('%s: an error and nothing', async (_, options) => {
    const bytes = readFileSync(source)
    const place = mkdtempSync(join(scratch, 'cut-'))
    for (let length = 0; length < bytes.length; length += 97) {
      const cut = async (): Promise<void> => {
        await using archive = await open(bytes.subarray(0, length))
        await writeView(archive, join(place, 'out'), options)
      }
      await expect(cut(), `cut at ${length}`).rejects.toMatchObject({ name: 'ArchiveError' })
      expect(readdirSync(place)).toEqual([])
    }
  })
})

test('an archive that is made on a disk that is full leaves nothing', async () => {
  for (const format of ['custom', 'directory', 'tar'] as const) {
    const place = mkdtempSync(join(scratch, 'full-'))
    const writer = await create(join(place, 'out'), {
      format,
      ...(format === 'tar' ? {} : { compression: 'none' as const }),
    })
    writer.addEntry({ desc: 'TABLE', tag: 't', dumpId: 9 })
    const row = ['x'.repeat(1000)]
    writer.addEntry({
      desc: 'TABLE DATA',
      tag: 't',
      dependencies: [9],
      columns: ['a'],
      data: Array.from({ length: 9000 }, () => row),
    })
    let writes = 0
    disk = breakDisk((_call, name) => name === 'write' && ++writes > 2)
    await expect(writer.finish()).rejects.toMatchObject({ code: 'EIO' })
    disk.restore()
    expect(readdirSync(place)).toEqual([])
  }
})
