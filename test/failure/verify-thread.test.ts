import { createReadStream, mkdtempSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { spawnSync } from 'node:child_process'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { CheckThread as CheckThreadType } from '../../src/inspect/check-thread.ts'
import type { VerifyReport } from '../../src/inspect/verify.ts'
import { root } from '../helpers/paths.ts'

// A thread can run what is built, and nothing else: these tests take dist/.
const scratch = mkdtempSync(join(tmpdir(), 'pgdmp-verify-thread-'))
afterAll(() => rmSync(scratch, { recursive: true }))
const built = async (file: string) => await import(pathToFileURL(join(root, 'dist', file)).href)

const file = join(scratch, 'long.dump')
const rows = 160_000

/** 30 MB of rows in one table, one of them with a field too few, and a short table behind it. */
beforeAll(async () => {
  const { create } = await built('index.js')
  const archive = await create(file, { compression: 'none', createDate: new Date(0) })
  const text = 'ü'.repeat(90)
  const add = (tag: string, data: Iterable<readonly string[]>): void => {
    const table = archive.addEntry({ desc: 'TABLE', tag, namespace: 'public', defn: 'CREATE TABLE public.x ();\n' })
    archive.addEntry({ desc: 'TABLE DATA', tag, namespace: 'public', columns: ['a', 'b'], dependencies: [table], data })
  }
  add(
    'long',
    (function* () {
      for (let row = 0; row < rows; row++) yield [String(row), text]
    })(),
  )
  add('short', [['1', 'x']])
  await archive.finish()
})

async function verifyWith(options: object, input: unknown = file): Promise<VerifyReport> {
  const { verify } = await built('index.js')
  return await verify(input, options)
}

/** What `verify` says of a file in which a byte is another one, without a thread and with one. */
async function both(): Promise<readonly [VerifyReport, VerifyReport]> {
  return [await verifyWith({ workers: 0 }), await verifyWith({})]
}

test('a thread finds what the calling thread finds', async () => {
  const [here, there] = await both()
  expect(there).toEqual(here)
  expect(there).toMatchObject({ readable: true, totals: { rows: rows + 1 } })
  const stream = await verifyWith({}, createReadStream(file))
  expect(stream.entries.map(({ digest }) => digest)).toEqual(here.entries.map(({ digest }) => digest))
})

test('a thread finds what is wrong with rows, and with a stream that is cut', async () => {
  const { open } = await built('index.js')
  const { openSync, readSync, writeSync, closeSync } = await import('node:fs')
  const archive = await open(file)
  await archive.close()
  const descriptor = openSync(file, 'r+')
  const at = 20_000_000
  const bytes = Buffer.alloc(1000)
  readSync(descriptor, bytes, 0, bytes.length, at)
  writeSync(descriptor, 'x', at + bytes.indexOf('\t'))
  const [here, there] = await both()
  expect(there).toEqual(here)
  expect(there.findings.map(({ code }) => code)).toContain('COPY_FIELD_COUNT')
  writeSync(descriptor, bytes, 0, bytes.length, at)
  closeSync(descriptor)

  truncateSync(file, 29_000_000)
  const [cutHere, cutThere] = await both()
  expect(cutThere).toEqual(cutHere)
  expect(cutThere.sound).toBe(false)
})

const subject = { dumpId: 1, copyStmt: 'COPY public.t (a, b) FROM stdin;\n' }
const lines = Buffer.from('1\tx\n'.repeat(262_144))

async function checkThread(url: string): Promise<CheckThreadType> {
  const { CheckThread } = await built('inspect/check-thread.js')
  const { textRules } = await built('inspect/text-check.js')
  const { defaultLimits } = await built('limits.js')
  const settings = { encoding: 'UTF8', stdStrings: true, searchPath: null }
  return new CheckThread(textRules(settings, defaultLimits), true, url)
}

/** The URL of a script. */
function script(name: string, text: string): string {
  const path = join(scratch, `${name}.mjs`)
  writeFileSync(path, text)
  return pathToFileURL(path).href
}

async function checked(threads: CheckThreadType): Promise<object> {
  const check = threads.open(subject)
  try {
    for (let round = 0; round < 24; round++) await check.push(lines)
    await check.push(Buffer.from('\\.\n'))
    return await check.finish(true)
  } finally {
    check.cancel()
    await threads.stop()
  }
}

const answered = { counts: { rows: 24 * 262_144, statements: null }, findings: [] }

test('CheckThread hands long streams to its script', async () => {
  expect(await checked(await checkThread('./check-worker.js'))).toMatchObject(answered)
  const ring = pathToFileURL(join(root, 'dist/codec/byte-ring.js')).href
  const counting = script(
    'counting',
    `import { parentPort } from 'node:worker_threads'
    import { ByteRing } from '${ring}'
    parentPort.on('message', ({ memory }) => {
      let bytes = 0
      new ByteRing(memory).readAll((piece) => { bytes += piece.length })
      parentPort.postMessage({ bytes })
    })
    parentPort.postMessage('ready')`,
  )
  expect(await checked(await checkThread(counting))).toEqual({ bytes: 24 * lines.length + 3 })
})

test.each([
  ['is not there', pathToFileURL(join(scratch, 'missing.mjs')).href],
  ['is no URL', 'http://['],
  ['fails', script('fails', 'throw new Error("no")')],
  ['ends', script('ends', '')],
])('CheckThread checks on the calling thread where its script %s', async (_, url) => {
  expect(await checked(await checkThread(url))).toMatchObject(answered)
})

test('CheckThread says so when the thread ends over a stream', async () => {
  const dying = script(
    'dying',
    `import { parentPort } from 'node:worker_threads'
    parentPort.on('message', () => process.exit(1))
    parentPort.postMessage('ready')`,
  )
  await expect(checked(await checkThread(dying))).rejects.toThrow('The thread that checks has ended')
})

test('a check that is given up leaves the ring to the next one', async () => {
  const threads = await checkThread('./check-worker.js')
  const first = threads.open(subject)
  for (let round = 0; round < 6; round++) await first.push(lines)
  first.cancel()
  expect(await checked(threads)).toMatchObject(answered)
})

test('data that a thread has lost are read again', async () => {
  const { openArchive } = await built('format/open.js')
  const { readerOptions } = await built('archive.js')
  const { DataReading } = await built('inspect/verify-data.js')
  const { Findings } = await built('inspect/findings.js')
  const whole = join(scratch, 'whole.dump')
  const { create } = await built('index.js')
  const archive = await create(whole, { compression: 'none' })
  const data = {
    async *[Symbol.asyncIterator]() {
      for (let row = 0; row < 100_000; row++) yield [`${row}`, 'x'.repeat(90)]
    },
  }
  archive.addEntry({ desc: 'TABLE DATA', tag: 't', namespace: 'public', columns: ['a', 'b'], data })
  await archive.finish()
  const { reader, release } = await openArchive(whole, readerOptions({}), {
    format: undefined,
    spool: false,
    forwardOnly: false,
    asPgRestore: false,
  })
  const threads = await checkThread(
    script(
      'dies',
      `import { parentPort } from 'node:worker_threads'
      parentPort.on('message', () => process.exit(1))
      parentPort.postMessage('ready')`,
    ),
  )
  try {
    const findings = new Findings()
    const reading = new DataReading(reader, findings, {
      level: 'deep',
      checks: threads,
      signal: undefined,
      onBytes: () => undefined,
    })
    await reading.inAnyOrder()
    expect(findings.all()).toEqual([])
    expect([...reading.entries.values()]).toMatchObject([{ rows: 100_000, digest: expect.any(Uint8Array) }])
  } finally {
    await threads.stop()
    await reader.close()
    await release()
  }
})

test('pgdmp verify ends although its thread waits', () => {
  const { status, stderr } = spawnSync(process.execPath, [join(root, 'dist/cli/main.js'), 'verify', '-q', file], {
    encoding: 'utf8',
    timeout: 60_000,
  })
  expect({ status, stderr }).toEqual({ status: 1, stderr: '' })
})
