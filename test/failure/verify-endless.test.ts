import { gzipSync } from 'node:zlib'
import { describe, expect, test } from 'vitest'
import { verify, type VerifyOptions } from '../../src/index.ts'
import { concat, copyEnd, dataBlock, tar, tocBytes } from '../unit/format/build-archive.ts'

/* A stream may have no end behind the archive: verify() tells of that, and does not wait for one. */

const MiB = 1024 * 1024
const rows = `a\n${copyEnd}`
const custom = concat(tocBytes([{ dumpId: 1 }]), dataBlock(1, rows))
const tarFile = tar(
  { name: 'toc.dat', data: tocBytes([{ dumpId: 1, file: '1.dat' }], { formatByte: 3 }) },
  { name: '1.dat', data: rows },
)

/** `before`, and `chunk` over and over, up to far more than anybody should read. */
class Endless {
  given = 0
  readonly #before: Uint8Array
  readonly #chunk: Uint8Array

  constructor(before: Uint8Array, chunk: Uint8Array) {
    this.#before = before
    this.#chunk = chunk
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Uint8Array> {
    for (let chunk = this.#before; this.given < 256 * MiB; chunk = this.#chunk) {
      this.given += chunk.length
      yield chunk
    }
  }
}

const zeros = new Uint8Array(MiB)
const text = new Uint8Array(MiB).fill(0x41)
const { receipt } = await verify(custom, { receipt: true })
if (receipt === null) throw new Error('the archive is sound')

const ways: readonly (readonly [string, VerifyOptions])[] = [
  ['deep', {}],
  ['quick', { level: 'quick' }],
  ['for a receipt', { receipt: true }],
  ['against a receipt', { against: receipt }],
]

describe.each(ways)('verify() %s of a stream without end', { timeout: 60_000 }, (_, options) => {
  test.each([
    ['a custom archive and zeros', custom, zeros],
    ['a custom archive and text', custom, text],
    ['a tar archive and zeros', tarFile, zeros],
    ['a tar archive and text', tarFile, text],
    ['a compressed archive and zeros', gzipSync(custom), zeros],
    ['a compressed archive, and another over and over', gzipSync(custom), gzipSync(custom)],
  ])('%s', async (name, before, chunk) => {
    const stream = new Endless(before, chunk)
    const { readable, sound, receipt: made, findings } = await verify(stream, options)
    expect(stream.given).toBeLessThan(40 * MiB)
    // what stands behind a gzip file is passed over, as gunzip does, but it is part of what a receipt is of
    const isIgnored =
      name === 'a compressed archive and zeros' && options.receipt !== true && options.against === undefined
    expect([readable, sound, made]).toEqual([true, isIgnored, null])
    const errors = findings.flatMap(({ severity, code }) => (severity === 'error' ? code : []))
    expect(errors.length > 0).toBe(!isIgnored)
    if (options.against !== undefined) expect(errors).toContain('NOT_COMPARED')
  })
})

test('verify() takes zeros up to a record of a tape for the end of a tar archive', async () => {
  const padded = concat(tarFile, new Uint8Array(2 * MiB))
  const whole = await verify(new Blob([Uint8Array.from(padded)]).stream(), { receipt: true })
  expect([whole.sound, whole.receipt?.archive.bytes]).toEqual([true, padded.length])
  expect(whole.receipt?.archive.sha256).toBe((await verify(padded, { receipt: true })).receipt?.archive.sha256)
})

test('verify() says where the zeros begin that it does not read to their end', async () => {
  const { findings } = await verify(new Endless(tarFile, zeros))
  expect(findings.filter(({ severity }) => severity === 'error')).toMatchObject([
    { code: 'TRAILING_BYTES', offset: tarFile.length },
  ])
})
