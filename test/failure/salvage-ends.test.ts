import { execFileSync, spawn } from 'node:child_process'
import { closeSync, cpSync, mkdirSync, mkdtempSync, openSync, readFileSync, readdirSync, rmSync, statSync, truncateSync, writeFileSync, writeSync } from 'node:fs' // prettier-ignore
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { afterAll, describe, expect, test } from 'vitest'
import { create, open, salvage, verify, type Archive, type SalvageReport } from '../../src/index.ts'
import { fixture, type PlacedArchive } from '../helpers/corpus.ts'
import { readSound } from '../helpers/damage.ts'
import { root } from '../helpers/paths.ts'
import { postgres } from '../helpers/postgres.ts'
import { concat, int, tocBytes } from '../unit/format/build-archive.ts'

/*
 * Salvage where something ends too early: the archive within its table of contents or within large objects, and the
 * room or the time for what is written.
 */

const scratch = mkdtempSync(join(tmpdir(), 'pgdmp-salvage-ends-'))
afterAll(() => rmSync(scratch, { recursive: true, force: true }))
const input = join(scratch, 'input')
const output = join(scratch, 'output')

async function salvaged(options: { readonly cutLargeObjects?: boolean } = {}): Promise<SalvageReport> {
  rmSync(output, { recursive: true, force: true })
  return await salvage(input, output, options)
}

/** A copy of an archive as the input; `toc` is the file that has its table of contents. */
function copied({ file, format }: PlacedArchive): { readonly toc: string } {
  rmSync(input, { recursive: true, force: true })
  cpSync(file, input, { recursive: true })
  return { toc: format === 'directory' ? join(input, 'toc.dat') : input }
}

/** Where the TOC ends in the file that holds it. */
async function endOfToc(archive: PlacedArchive, toc: string): Promise<number> {
  return archive.format === 'directory' ? statSync(toc).size : (await readSound(archive, scratch)).tocEnd
}

test('salvage() names the large objects whose entries were cut off, and writes them empty', async () => {
  rmSync(input, { recursive: true, force: true })
  const archive = await create(input, { format: 'custom', archiveVersion: { major: 1, minor: 16, rev: 0 } })
  const data = Buffer.from('x')
  for (const oid of [1, 3, 5]) archive.addLargeObjects([{ oid, data }], { owner: `owner${oid}` })
  await archive.finish()
  const whole = readFileSync(input)
  const declared = (toc: readonly { readonly desc: string }[]): number =>
    toc.filter(({ desc }) => desc === 'BLOB METADATA').length
  let seen = 0
  for (let cut = whole.length - 1; cut > whole.length / 2; cut -= 7) {
    writeFileSync(input, whole.subarray(0, cut))
    const { largeObjects } = await salvaged()
    expect((await verify(output)).findings.filter(({ severity }) => severity !== 'info')).toEqual([])
    await using saved = await open(output)
    if (saved.toc.every(({ desc }) => desc !== 'BLOBS')) break
    const stored: number[] = []
    for (const entry of saved.toc.filter(({ desc }) => desc === 'BLOBS'))
      for await (const { oid } of saved.largeObjects(entry)) stored.push(oid)
    expect(stored.length, `cut at ${cut}`).toBe(declared(saved.toc))
    if (largeObjects.some(({ reason }) => reason?.includes('table of contents') === true)) seen++
  }
  expect(seen).toBeGreaterThan(0)
})

describe('salvage() of a table of contents', () => {
  const names = ['18/full-Fc.dump', '18/full-Fc-pipe.dump', '18/full-Fd.dir', '18/full-Ft.tar', 'derived/v1.9-Fc.dump']
  test.each(names)('%s that is cut calls it cut, and counts what is missing', async (name) => {
    const archive = fixture(name)
    const all = await open(archive.file).then(async (opened) => {
      await opened.close()
      return opened.toc.length
    })
    const end = await endOfToc(archive, copied(archive).toc)
    // of a directory all data are salvaged into tables that are made for them
    for (let part = 3; part < 40; part += archive.format === 'directory' ? 18 : 4) {
      const { toc } = copied(archive)
      truncateSync(toc, Math.floor((end * part) / 40))
      const { findings: told, entriesLost } = await salvaged()
      const findings = told.filter(({ severity }) => severity !== 'info')
      expect(new Set(findings.map(({ code }) => code)), `${part}/40`).toEqual(new Set(['CUT']))
      const lost = entriesLost ?? 0
      expect(lost).toBeGreaterThan(0)
      expect(findings.map(({ message }) => message).join('\n')).toContain(`${lost} of ${all} entries are missing`)
    }
  })

  test.each(['18/full-Fc.dump', '18/full-Fd.dir'])('%s whose last entry is damaged calls it damaged', async (name) => {
    const archive = fixture(name)
    const { toc } = copied(archive)
    const bytes = readFileSync(toc)
    const at = (await endOfToc(archive, toc)) - 60
    bytes.fill(0xff, at, at + 50)
    writeFileSync(toc, bytes)
    const { findings } = await salvaged()
    expect(findings.map(({ code }) => code)).not.toContain('CUT')
    expect(findings.length).toBeGreaterThan(0)
  })
})

type Objects = ReadonlyMap<number, Buffer>

async function objectsOf(archive: Archive): Promise<Objects> {
  const found = new Map<number, Buffer>()
  for (const entry of archive.toc.filter(({ desc, data }) => desc === 'BLOBS' && data.state !== 'no-data'))
    for await (const { oid, data } of archive.largeObjects(entry))
      found.set(oid, Buffer.from(await data.bytes({ maxBytes: Infinity })))
  return found
}

/** The objects of an archive before and after `cut`, with what is told of those that are not whole. */
async function compareObjects(archive: PlacedArchive, cut: string): Promise<number> {
  await using sound = await open(archive.file)
  const before = await objectsOf(sound)
  let touched = 0
  for (const cutLargeObjects of [false, true]) {
    const report = await salvaged({ cutLargeObjects })
    await using kept = await open(output)
    const after = await objectsOf(kept)
    const told = new Map(report.largeObjects.map((object) => [object.oid, object]))
    const part = [...before].filter(([oid, bytes]) => after.get(oid)?.equals(bytes) !== true).map(([oid]) => oid)
    // an empty object is whole without its data
    expect(
      part.filter((oid) => !told.has(oid)),
      cut,
    ).toEqual([])
    expect(
      [...after.keys()].filter((oid) => !before.has(oid)),
      cut,
    ).toEqual([])
    for (const oid of part) {
      const bytes = after.get(oid) ?? Buffer.alloc(0)
      expect(before.get(oid)?.subarray(0, bytes.length), `${oid}, ${cut}`).toEqual(bytes)
      if (!cutLargeObjects) expect(bytes.length, `${oid}, ${cut}`).toBe(0)
    }
    touched += part.length
    expect(report.whole, cut).toBe(false)
  }
  return touched
}

describe('salvage() of large objects that are cut keeps the whole ones, and tells of every other', () => {
  const files = ['18/full-Fc.dump', '18/many_lo-Fc.dump', '13/full-Fc.dump', '18/full-Ft.tar', '13/full-Ft.tar']
  test.each(files)('%s', async (name) => {
    const archive = fixture(name)
    const { data } = await readSound(archive, scratch)
    const groups = [...data.values()].filter(({ entry }) => entry.desc === 'BLOBS').slice(0, 2)
    expect(groups.length).toBeGreaterThan(0)
    let touched = 0
    for (const { spans } of groups) {
      const start = Math.min(...spans.map(([at]) => at))
      const end = Math.max(...spans.map(([, at]) => at))
      for (const part of [1, 3]) {
        copied(archive)
        const at = Math.floor(start + ((end - start) * part) / 4)
        truncateSync(input, at)
        touched += await compareObjects(archive, `cut at ${at}`)
      }
    }
    expect(touched).toBeGreaterThan(0)
  })

  test.each(['18/full-Fd.dir', '13/full-Fd.dir'])('%s', async (name) => {
    const archive = fixture(name)
    const blobs = readdirSync(archive.file).filter((file) => file.startsWith('blob_'))
    expect(blobs.length).toBeGreaterThan(1)
    let touched = 0
    for (const file of [...blobs.slice(0, 2), ...blobs.slice(-2)]) {
      copied(archive)
      const { size } = statSync(join(input, file))
      if (size < 2) continue
      truncateSync(join(input, file), Math.floor(size / 2))
      touched += await compareObjects(archive, `${file} cut`)
    }
    expect(touched).toBeGreaterThan(0)
  })
})

describe('salvage() of a list of large objects that is cut', () => {
  test.each(['18/full-Fd.dir', '13/full-Fd.dir'])('%s: at the end of a line, all objects are kept', async (name) => {
    const archive = fixture(name)
    const lists = readdirSync(archive.file)
      .filter((file) => /^blobs.*\.toc$/.test(file))
      .slice(0, 3)
    expect(lists.length).toBeGreaterThan(0)
    for (const list of lists) {
      const lines = readFileSync(join(archive.file, list), 'latin1').split(/(?<=\n)/)
      for (const count of new Set([0, lines.length >> 1, lines.length - 1])) {
        copied(archive)
        writeFileSync(join(input, list), lines.slice(0, count).join(''), 'latin1')
        const { largeObjects } = await salvaged()
        expect(largeObjects, `${count} lines`).toEqual([])
        await using all = await open(archive.file)
        await using saved = await open(output)
        // compared as strings: bytes one by one take long
        const [kept, wanted] = await Promise.all([saved, all].map((one) => objectsOf(one)))
        const text = (objects: Objects | undefined) =>
          [...(objects ?? [])].map(([oid, data]) => [oid, data.toString('latin1')])
        expect(text(kept)).toEqual(text(wanted))
      }
    }
  })
})

/** A cut archive of one table of about 40 MB that is no pleasure to compress. */
function largeArchive(): string {
  const path = join(scratch, 'large.dump')
  const file = openSync(path, 'w')
  const row = Array.from({ length: 30_000 }, (_, at) => ((at * 2_654_435_761) >>> 0).toString(36)).join('')
  const text = Buffer.from(`${row.slice(0, 60_000).replaceAll(/(.{99})/g, '$1\n')}\n`)
  writeSync(file, concat(tocBytes([{ dumpId: 1 }]), [1], int(1)))
  for (let chunk = 0; chunk < 700; chunk++) writeSync(file, concat(int(text.length), text))
  closeSync(file)
  return path
}

const formats = ['custom', 'directory', 'tar'] as const

test.for(formats)('salvage() to a full disk leaves nothing under the name: %s', async (format, { skip }) => {
  const mount = mkdtempSync(join(scratch, 'small-'))
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=1m', 'none', mount], { stdio: 'pipe' })
  } catch {
    skip('no file system can be mounted here')
  }
  try {
    const failed = salvage(largeArchive(), join(mount, 'out'), { format })
    await expect(failed).rejects.toMatchObject({ code: 'ENOSPC' })
    expect(readdirSync(mount)).toEqual([])
  } finally {
    execFileSync('umount', [mount])
  }
})

/** Bytes in all files below a folder. */
function bytesBelow(folder: string): number {
  let bytes = 0
  for (const entry of readdirSync(folder, { withFileTypes: true, recursive: true }))
    if (entry.isFile()) bytes += statSync(join(entry.parentPath, entry.name), { throwIfNoEntry: false })?.size ?? 0
  return bytes
}

test.each(formats)('pgdmp salvage that is interrupted while it writes leaves nothing: %s', async (format) => {
  const folder = join(scratch, `interrupted-${format}`)
  mkdirSync(folder)
  const command = join(root, 'dist/cli/main.js')
  const child = spawn(process.execPath, [command, 'salvage', '-F', format, largeArchive(), join(folder, 'out')])
  const ended = new Promise<number | NodeJS.Signals | null>((resolve) => {
    child.on('close', (code, signal) => resolve(signal ?? code))
  })
  while (child.exitCode === null && bytesBelow(folder) === 0) await setTimeout(2)
  child.kill('SIGINT')
  expect(await ended).toBe(130)
  expect(readdirSync(folder)).toEqual([])
})

test('salvage() keeps each large object once when the list of a group is cut whose OIDs lie around those of others', async () => {
  rmSync(input, { recursive: true, force: true })
  const archive = await create(input, { format: 'directory', archiveVersion: { major: 1, minor: 16, rev: 0 } })
  const data = Buffer.from('x')
  archive.addLargeObjects([1, 3, 5].map((oid) => ({ oid, data })))
  archive.addLargeObjects(
    [2, 4].map((oid) => ({ oid, data })),
    { owner: 'other' },
  )
  await archive.finish()
  const lists = readdirSync(input).filter((name) => name.startsWith('blobs_'))
  expect(lists).toHaveLength(2)
  for (const list of lists) {
    const path = join(input, list)
    const whole = readFileSync(path)
    writeFileSync(path, whole.subarray(0, 10))
    await salvaged()
    writeFileSync(path, whole)
    expect((await verify(output)).findings.filter(({ severity }) => severity !== 'info')).toEqual([])
    await using saved = await open(output)
    const found: number[][] = []
    for (const entry of saved.toc.filter(({ desc }) => desc === 'BLOBS')) {
      const oids: number[] = []
      for await (const { oid } of saved.largeObjects(entry)) oids.push(oid)
      found.push(oids)
    }
    expect(found).toEqual([
      [1, 3, 5],
      [2, 4],
    ])
  }
})

test('salvage() leaves out an owner at which pg_restore would stop', async () => {
  rmSync(input, { recursive: true, force: true })
  const archive = await create(input)
  const transform = { desc: 'TRANSFORM', tag: 'TRANSFORM FOR integer LANGUAGE sql' }
  archive.addEntry({
    ...transform,
    defn: 'CREATE TRANSFORM FOR integer LANGUAGE sql (FROM SQL WITH FUNCTION f(internal));\n',
    dropStmt: 'DROP TRANSFORM FOR integer LANGUAGE sql;\n',
    owner: 'somebody',
  })
  await archive.finish()
  const { findings } = await salvaged()
  await using saved = await open(output)
  expect(saved.toc.filter(({ desc }) => desc === 'TRANSFORM').map(({ tag, owner }) => [tag, owner])).toEqual([
    [transform.tag, ''],
  ])
  expect(findings.map(({ message }) => message).join()).toContain('owner')
  for (const { pgRestore } of postgres) execFileSync(pgRestore, ['-f', '/dev/null', output], { stdio: 'pipe' })
})
