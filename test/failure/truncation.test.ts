import { cpSync, mkdtempSync, readFileSync, readdirSync, rmSync, statSync, truncateSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import type { ArchiveInput } from '../../src/index.ts'
import { isArchiveError, open } from '../../src/index.ts'
import { fixture } from '../helpers/corpus.ts'
import { readEverything } from '../helpers/faults.ts'

const scratch = mkdtempSync(join(tmpdir(), 'pgdmp-truncation-'))
afterAll(() => rmSync(scratch, { recursive: true }))

/** What became of reading a damaged archive: its text, or the code of the error. */
async function attempt(input: ArchiveInput): Promise<{ readonly text: string } | { readonly code: string }> {
  try {
    await using archive = await open(input)
    return { text: await readEverything(archive) }
  } catch (error) {
    if (isArchiveError(error)) return { code: error.code }
    throw error
  }
}

/** Places to cut a file of this length: all near both ends, and some thousand between. */
function* cuts(length: number): Generator<number> {
  const step = Math.max(7, Math.floor(length / 1000))
  for (let at = 0; at < length; at += at < 300 || at > length - 300 ? 1 : step) yield at
}

/** Cutting may go unnoticed only where all that is read comes before the cut. */
async function sweep(bytes: Buffer, input: (cut: Uint8Array) => ArchiveInput): Promise<Set<string>> {
  const whole = await attempt(input(new Uint8Array(bytes)))
  expect(whole).toHaveProperty('text')
  const codes = new Set<string>()
  const wrong: string[] = []
  for (const at of cuts(bytes.length)) {
    const outcome = await attempt(input(new Uint8Array(bytes.subarray(0, at))))
    if ('code' in outcome) codes.add(outcome.code)
    else if (!('text' in whole) || outcome.text !== whole.text) wrong.push(`cut at ${at} gives other text and no error`)
  }
  expect(wrong).toEqual([])
  return codes
}

const forward = (bytes: Uint8Array): ArchiveInput => new Blob([new Uint8Array(bytes)]).stream()

describe('a custom archive that is cut anywhere is refused', () => {
  for (const name of [
    'derived/small-Fc.dump',
    'derived/v1.0-Fc.dump',
    'derived/v1.6-Fc-pipe.dump',
    '18/sqlascii-Fc.dump',
  ]) {
    test(name, async () => {
      const bytes = readFileSync(fixture(name).file)
      for (const input of [(cut: Uint8Array) => cut, forward]) {
        const codes = await sweep(bytes, input)
        expect(
          [...codes].filter((code) => !['UNEXPECTED_EOF', 'NOT_AN_ARCHIVE', 'MISSING_BLOCK'].includes(code)),
        ).toEqual([])
        // The last byte of a custom archive ends its last block.
        expect(await attempt(input(new Uint8Array(bytes.subarray(0, -1))))).toHaveProperty('code')
      }
    })
  }
})

describe('a tar archive that is cut is refused, unless all its data is there', () => {
  for (const name of ['13/latin1-Ft.tar', 'derived/small-Ft.tar']) {
    test(name, async () => {
      const bytes = readFileSync(fixture(name).file)
      for (const input of [(cut: Uint8Array) => cut, forward]) {
        const codes = await sweep(bytes, input)
        expect([...codes].sort()).toEqual(expect.arrayContaining(['UNEXPECTED_EOF']))
      }
    })
  }
})

describe('a directory with a file that is cut is refused', () => {
  for (const name of ['derived/small-Fd.dir', '18/sch1-Fd-zstd-long.dir', '18/sqlascii-Fd.dir']) {
    test(name, async () => {
      const whole = await attempt(fixture(name).file)
      const wrong: string[] = []
      const copy = join(scratch, basename(name))
      for (const file of readdirSync(fixture(name).file)) {
        const { size } = statSync(join(fixture(name).file, file))
        for (let at = size - 1; at >= 0; at -= Math.max(1, Math.floor(size / 16))) {
          rmSync(copy, { recursive: true, force: true })
          cpSync(fixture(name).file, copy, { recursive: true })
          truncateSync(join(copy, file), at)
          const outcome = await attempt(copy)
          if ('text' in outcome && !('text' in whole && whole.text === outcome.text)) wrong.push(`${file} cut at ${at}`)
        }
      }
      // The file of a large object may be empty, but for gzip's: a writer that never got any data leaves one. A list of
      // large objects has no end mark, so one that is cut between lines cannot be told from a shorter one.
      const unknowable = /^blob_\d+\.dat(?:\.lz4|\.zst)? cut at 0$|^blobs(?:_\d+)?\.toc cut at \d+$/
      expect(wrong.filter((text) => !unknowable.test(text))).toEqual([])
    })
  }
})
