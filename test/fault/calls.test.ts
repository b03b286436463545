import { createHash } from 'node:crypto'
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  readlinkSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { convert, open, reindex } from '../../src/index.ts'
import type { ArchiveFormat } from '../../src/index.ts'
import { collectingStream } from '../helpers/archives.ts'
import { digest as digestOfFiles, fixture } from '../helpers/corpus.ts'
import { watchCalls, type Fate, type SystemCall, type Watch } from '../helpers/system-calls.ts'
import { verbs, type Verb } from './verbs.ts'

/*
 * Every call to the file system that a verb makes goes wrong, one run for each: it fails, or the work is stopped at it.
 * PGDMP_FAULTS=all tries every one; else of verbs with very many calls some are tried, others on each run.
 */

const scratch = mkdtempSync(join(tmpdir(), 'pgdmp-calls-'))
afterAll(() => rmSync(scratch, { recursive: true, force: true }))

let watch: Watch | undefined
afterEach(() => watch?.restore())

const rejections: unknown[] = []
const onRejection = (reason: unknown): void => void rejections.push(reason)
beforeAll(() => void process.on('unhandledRejection', onRejection))
afterAll(() => void process.off('unhandledRejection', onRejection))

const archives: Readonly<Record<ArchiveFormat, string>> = {
  custom: fixture('derived/small-Fc.dump').file,
  directory: fixture('derived/small-Fd.dir').file,
  tar: fixture('derived/small-Ft.tar').file,
}
/** An archive that was written to a pipe, and what reindexing makes of it. */
const withoutOffsets = join(scratch, 'piped.dump')
let patched = ''

beforeAll(async () => {
  await using archive = await open(archives.custom)
  const { stream, bytes } = collectingStream()
  await convert(archive, stream, { format: 'custom', reindex: true })
  writeFileSync(withoutOffsets, bytes())
  const copy = join(scratch, 'patched.dump')
  writeFileSync(copy, bytes())
  expect((await reindex(copy)).set).toBeGreaterThan(0)
  patched = digestOfFiles(copy)
})

const seed = Number(process.env['PGDMP_SEED'] ?? Date.now() % 2 ** 31)
console.log(`PGDMP_SEED=${seed}`)

/** The calls to try: all of them, or so many evenly spread ones. */
function tried(calls: number): number[] {
  const step = process.env['PGDMP_FAULTS'] === 'all' ? 1 : Math.max(1, Math.floor(calls / 25))
  const numbers: number[] = []
  for (let number = 1 + (seed % step); number <= calls; number += step) numbers.push(number)
  return numbers
}

/** What this process has open in a folder, and of temporary files, behind the number of the descriptor. */
function openIn(folder: string): string[] {
  return readdirSync('/proc/self/fd').flatMap((name) => {
    try {
      const target = readlinkSync(`/proc/self/fd/${name}`)
      return target.startsWith(folder) || /\/pgdmp-[0-9a-f]{8}-/.test(target) ? [`${name} ${target}`] : []
    } catch {
      // the descriptor of the listing itself
      return []
    }
  })
}

/** The same, once it is nothing, or stays: what a stream or a read under way holds is released when that ends. */
async function settled(folder: string): Promise<string[]> {
  for (let rounds = 0; ; rounds++) {
    await new Promise((resolve) => setImmediate(resolve))
    // what was under way when the verb ended may yet open a file, and has to close it then
    const isBusy = process.getActiveResourcesInfo().some((name) => name.startsWith('FSReq'))
    const left = openIn(folder)
    if ((left.length === 0 && !isBusy) || rounds === 2000) return left
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
}

/** One run of a verb in a folder of its own. */
interface Outcome {
  readonly calls: readonly string[]
  readonly folder: string
  readonly input: string
  /** What the verb gave; absent when it failed. */
  readonly value?: unknown
  readonly error?: unknown
  readonly failed: boolean
  /** Digest of what lies under the output's name; undefined for nothing. */
  readonly made: string | undefined
}

async function attempt(
  verb: Verb,
  format: ArchiveFormat,
  fate: (call: SystemCall) => Fate,
  signal?: AbortSignal,
): Promise<Outcome> {
  const folder = mkdtempSync(join(scratch, 'work-'))
  mkdirSync(join(folder, 'in'))
  mkdirSync(join(folder, 'out'))
  const input = join(folder, 'in', 'archive')
  cpSync(verb.writes === 'input' ? withoutOffsets : archives[format], input, { recursive: true })
  const output = join(folder, 'out', 'made')
  watch = watchCalls(fate)
  const { calls } = watch
  const end = (): { readonly made: string | undefined } => {
    watch?.restore()
    return { made: existsSync(output) ? contentOf(output) : undefined }
  }
  try {
    const value = await verb.run({ input, output, signal: signal ?? new AbortController().signal, workers: 0 })
    return { ...end(), calls, folder, input, value, failed: false }
  } catch (error) {
    return { ...end(), calls, folder, input, error, failed: true }
  }
}

/** Digest of an output. The members of a tar archive bear the time at which they were written. */
function contentOf(output: string): string {
  if (statSync(output).isDirectory()) return digestOfFiles(output)
  const bytes = readFileSync(output)
  const headers = bytes.toString('latin1', 257, 262) === 'ustar' ? bytes.length - 512 : -1
  for (let at = 0; at <= headers; at += 512) {
    if (bytes.toString('latin1', at + 257, at + 262) === 'ustar') bytes.fill(0, at + 136, at + 156)
  }
  return createHash('sha256').update(bytes).digest('hex')
}

/** Checks all that must hold whatever went wrong, and removes the folder. */
async function checkAfterwards(
  verb: Verb,
  format: ArchiveFormat,
  outcome: Outcome,
  whole: Outcome,
  label: string,
): Promise<void> {
  await new Promise((resolve) => setImmediate(resolve))
  expect(rejections.splice(0), label).toEqual([])
  const { made, folder, input } = outcome
  expect(await settled(folder), `${label}, with ${process.getActiveResourcesInfo().join(' ')}`).toEqual([])
  if (!outcome.failed) expect([outcome.value, made], label).toEqual([whole.value, whole.made])
  // a failure after the rename is told, though the output is whole
  if (outcome.failed) expect([undefined, whole.made], label).toContain(made)
  expect(readdirSync(join(folder, 'out')), label).toEqual(made === undefined ? [] : ['made'])
  const beside = readdirSync(join(folder, 'in')).filter((name) => name !== 'archive')
  if (verb.writes === 'input') {
    // half done, it is completed by the next run; what could not be removed is removed by a later one
    const expected = label.endsWith(' unlink') ? /^(?:archive\.pgdmp-patch|\.pgdmp-.*\.tmp)$/ : /^archive\.pgdmp-patch$/
    for (const name of beside) expect(name, label).toMatch(expected)
    await reindex(input)
    expect(digestOfFiles(input), label).toBe(patched)
  } else {
    expect(beside, label).toEqual([])
    expect(digestOfFiles(input), label).toBe(digestOfFiles(archives[format]))
  }
  rmSync(folder, { recursive: true })
}

describe.each(
  verbs.flatMap((verb) => verb.formats.map((format) => [`${verb.name}, ${format} archive`, verb, format] as const)),
)('%s', (_, verb, format) => {
  const whole = async (): Promise<Outcome> => {
    const outcome = await attempt(verb, format, () => undefined)
    expect(outcome.error).toBeUndefined()
    await checkAfterwards(verb, format, outcome, outcome, 'nothing fails')
    return outcome
  }

  test('whichever call fails', { timeout: 300_000 }, async () => {
    const good = await whole()
    let failures = 0
    for (const number of tried(good.calls.length)) {
      const fail = Object.assign(new Error('EIO: i/o error'), { code: 'EIO' })
      const outcome = await attempt(verb, format, (call) => (call.number === number ? { fail } : undefined))
      const label = `call ${number} of ${good.calls.length}, ${outcome.calls[number - 1]}`
      if (outcome.failed) expect(outcome.error, label).toBe(fail)
      if (outcome.failed) failures++
      await checkAfterwards(verb, format, outcome, good, label)
    }
    expect(failures).toBeGreaterThan(0)
  })

  test('whichever call the signal comes with', { timeout: 300_000 }, async () => {
    const good = await whole()
    let failures = 0
    for (const number of tried(good.calls.length)) {
      const reason = new Error('enough')
      const control = new AbortController()
      const stop = ({ number: now }: SystemCall): undefined => {
        if (now === number) control.abort(reason)
      }
      const outcome = await attempt(verb, format, stop, control.signal)
      const label = `stopped at call ${number} of ${good.calls.length}, ${outcome.calls[number - 1]}`
      if (outcome.failed) expect(outcome.error, label).toBe(reason)
      if (outcome.failed) failures++
      await checkAfterwards(verb, format, outcome, good, label)
    }
    expect(failures).toBeGreaterThan(0)
  })

  test(
    'reads and writes that do less than they were asked to, and that would block',
    { timeout: 300_000 },
    async () => {
      const good = await whole()
      await checkAfterwards(verb, format, await attempt(verb, format, () => 'less'), good, 'less')
      for (const number of tried(good.calls.length)) {
        const fail = Object.assign(new Error('EAGAIN: resource temporarily unavailable'), { code: 'EAGAIN' })
        const blocks = ({ number: now, name }: SystemCall): Fate =>
          now === number && (name === 'read' || name === 'write') ? { fail } : undefined
        const outcome = await attempt(verb, format, blocks)
        // a stream of the caller's has its own way
        if (outcome.failed && verb.readsStream === true) expect(outcome.error).toBe(fail)
        else expect(outcome.error).toBeUndefined()
        await checkAfterwards(verb, format, outcome, good, `call ${number} would block`)
      }
    },
  )
})
