import { spawn, spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, readdirSync, readlinkSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { afterAll, describe, expect, test } from 'vitest'
import { open, type SalvageReport } from '../../../src/index.ts'
import { fixture } from '../../helpers/corpus.ts'
import { root } from '../../helpers/paths.ts'

const scratch = mkdtempSync(join(tmpdir(), 'pgdmp-salvage-cli-'))
afterAll(() => rmSync(scratch, { recursive: true }))
const command = join(root, 'dist/cli/main.js')
const small = readFileSync(fixture('derived/small-Fc.dump').file)
const full = readFileSync(fixture('18/full-Fc.dump').file)
const cutFile = join(scratch, 'cut.dump')
writeFileSync(cutFile, small.subarray(0, -100))

function pgdmp(args: readonly string[], input?: Uint8Array): { status: number | null; stdout: Buffer; stderr: Buffer } {
  return spawnSync(process.execPath, [command, ...args], {
    ...(input === undefined ? {} : { input }),
    timeout: 120_000,
    maxBuffer: 2 ** 28,
  })
}

describe('pgdmp salvage', () => {
  test('gives 0 where nothing is lost, 1 where something is, 2 for wrong usage, 3 where there is nothing', () => {
    const out = join(scratch, 'out.dump')
    expect(pgdmp(['salvage', fixture('derived/small-Fc.dump').file, out]).status).toBe(0)
    expect(pgdmp(['salvage', cutFile, out]).status).toBe(2)
    const lost = pgdmp(['salvage', '--force', cutFile, out])
    expect(lost.status).toBe(1)
    expect(lost.stdout.toString()).toMatch(/^(?:lost|partial|doubtful) {2,}\d+ /m)
    const none = join(scratch, 'none.dump')
    writeFileSync(none, 'no archive')
    expect(pgdmp(['salvage', none, join(scratch, 'nothing.dump')]).status).toBe(3)
    expect(existsSync(join(scratch, 'nothing.dump'))).toBe(false)
    expect(pgdmp(['salvage', '--force', cutFile, cutFile]).status).toBe(2)
    expect(readFileSync(cutFile)).toEqual(small.subarray(0, -100))
  })

  test('reads standard input and writes standard output: the same archive as from file to file', () => {
    const out = join(scratch, 'file.dump')
    expect(pgdmp(['salvage', cutFile, out]).status).toBe(1)
    const piped = pgdmp(['salvage', '-', '-'], small.subarray(0, -100))
    expect(piped.status).toBe(1)
    // what is told goes elsewhere
    expect(piped.stderr.toString()).toMatch(/lost|cut/)
    expect(piped.stdout.subarray(0, 5).toString()).toBe('PGDMP')
    expect(piped.stdout.length).toBe(readFileSync(out).length)
    expect(pgdmp(['salvage', '--json', '-', '-'], small).status).toBe(2)
  })

  test('writes another format and compression, and tells in JSON what became of each entry', async () => {
    const out = join(scratch, 'other.dir')
    const told = pgdmp(['salvage', '-F', 'd', '-Z', 'zstd', '--json', cutFile, out])
    expect(told.status).toBe(1)
    const report = JSON.parse(told.stdout.toString()) as SalvageReport
    expect(report).toMatchObject({ inputFormat: 'custom', format: 'directory', compression: 'zstd', whole: false })
    expect(new Set(report.entries.map(({ state }) => state))).toContain('whole')
    await using archive = await open(out)
    expect(archive.header.compression.algorithm).toBe('zstd')
    expect(archive.toc).toHaveLength(report.entriesWritten)
  })

  test('--certain-only leaves out data of a damaged stream, and keeps those of a cut one', () => {
    const bytes = Buffer.from(full)
    const report = (input: Buffer, ...options: string[]): SalvageReport => {
      const file = join(scratch, 'certain.dump')
      writeFileSync(file, input)
      const { stdout } = pgdmp(['salvage', '--json', '--force', ...options, file, join(scratch, 'certain.out')])
      return JSON.parse(stdout.toString()) as SalvageReport
    }
    const at = Math.floor(bytes.length * 0.9)
    bytes.fill(0xff, at, at + 20)
    const doubtful = report(bytes).entries.filter(({ state }) => state === 'doubtful')
    expect(doubtful).toHaveLength(1)
    const certain = report(bytes, '--certain-only').entries
    expect(certain.filter(({ state }) => state === 'doubtful')).toEqual([])
    expect(certain.find(({ dumpId }) => dumpId === doubtful[0]?.dumpId)).toMatchObject({ state: 'lost', rowsKept: 0 })
    const cut = full.subarray(0, at)
    const partial = report(cut, '--certain-only').entries.filter(({ state }) => state === 'partial')
    expect(partial).toHaveLength(1)
    expect(partial).toEqual(report(cut).entries.filter(({ state }) => state === 'partial'))
  })

  test('leaves nothing behind when it is interrupted', async () => {
    const folder = mkdtempSync(join(scratch, 'interrupted-'))
    const child = spawn(process.execPath, [command, 'salvage', '-', join(folder, 'out.dump')], {
      env: { ...process.env, TMPDIR: folder },
    })
    const ended = new Promise<number | NodeJS.Signals | null>((resolve) => {
      child.on('close', (code, signal) => resolve(signal ?? code))
    })
    // it waits for the rest of its input, with a part of it in a temporary file, which has no name any more
    child.stdin.write(small)
    while (child.exitCode === null && !openFiles(child.pid).some((file) => file.startsWith(folder))) await setTimeout(5)
    child.kill('SIGINT')
    expect(await ended).toBe(130)
    expect(readdirSync(folder)).toEqual([])
  })

  test.skipIf(!existsSync('/dev/full'))('says that the device is full, with the status of a failed output', () => {
    const found = spawnSync('/bin/sh', [
      '-c',
      '"$0" "$1" salvage "$2" - > /dev/full',
      process.execPath,
      command,
      cutFile,
    ])
    expect(found.status).not.toBe(0)
    expect(found.stderr.toString()).toBe(
      'pgdmp: Cannot write to standard output: No space left on device. Make room, or write to another disk.\n',
    )
  })
})

/** What a process has open, by Linux. */
function openFiles(pid: number | undefined): readonly string[] {
  const folder = `/proc/${String(pid)}/fd`
  return readdirSync(folder).flatMap((descriptor) => {
    try {
      return [readlinkSync(join(folder, descriptor))]
    } catch {
      return [] // closed meanwhile
    }
  })
}
