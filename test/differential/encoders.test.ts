import { cpSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { extname, join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import type { Container } from '../../src/codec/codec.ts'
import type { EncoderSettings } from '../../src/codec/encoder.ts'
import { hasNativeZstdEncoder } from '../../src/codec/native-compressor.ts'
import { fixture } from '../helpers/corpus.ts'
import { postgres, withoutPath, withoutPostgres } from '../helpers/postgres.ts'
import type { PostgresTools } from '../helpers/postgres.ts'
import { run } from '../helpers/process.ts'
import { encode } from '../unit/codec/encode.ts'
import { decode } from '../unit/codec/streams.ts'

const scratch = mkdtempSync(join(tmpdir(), 'pgdmp-encoders-'))
afterAll(() => rmSync(scratch, { recursive: true }))

const containers: Readonly<Record<string, Container>> = { '.gz': 'gzip', '.lz4': 'lz4', '.zst': 'zstd' }

/** Directories by real pg_dumps, the oldest pg_restore that reads them, and what their data is encoded with. */
const cases: readonly { name: string; from: number; settings: readonly EncoderSettings[] }[] = [
  { name: '13/full-Fd.dir', from: 13, settings: [1, 6, 9].map((level) => ({ container: 'gzip', level })) },
  { name: '18/full-Fd.dir', from: 17, settings: [{ container: 'gzip' }] },
  {
    name: '18/full-Fd-lz4.dir',
    from: 17,
    settings: [
      { container: 'lz4', checksum: false },
      ...[0, 3, 9].map((level) => ({ container: 'lz4' as const, level })),
    ],
  },
  {
    name: '18/sch1-Fd-zstd-long.dir',
    from: 17,
    settings: [
      { container: 'zstd', checksum: false },
      ...[-5, 3, 19].map((level) => ({ container: 'zstd' as const, level })),
      ...(hasNativeZstdEncoder() ? [{ container: 'zstd' as const, long: true }] : []),
    ],
  },
]

/** The SQL of a directory archive, without the random key that pg_restore puts into it. */
async function restored(tools: PostgresTools, directory: string): Promise<string> {
  const outcome = await run(tools.pgRestore, ['-f', '-', directory])
  expect(withoutPath(outcome.stderr)).toBe('')
  expect(outcome.status).toBe(0)
  return outcome.stdout.toString('latin1').replace(/^(\\(?:un)?restrict) .*$/gm, '$1')
}

/** The same archive with its data encoded anew, checksums included. */
async function reencoded(directory: string, settings: EncoderSettings): Promise<string> {
  const copy = mkdtempSync(join(scratch, 'copy-'))
  cpSync(directory, copy, { recursive: true })
  let files = 0
  for (const name of readdirSync(copy)) {
    const container = containers[extname(name)]
    if (container === undefined) continue
    const path = join(copy, name)
    writeFileSync(path, await encode(settings, await decode(container, readFileSync(path)), [1, 5000, 90_000]))
    files += 1
  }
  expect(files).toBeGreaterThan(2)
  return copy
}

describe('createEncoder() makes data that pg_restore restores', () => {
  for (const { name, from, settings } of cases) {
    for (const one of settings) {
      test(`${name} ${JSON.stringify(one)}`, async (context) => {
        if (postgres.length === 0) context.skip(withoutPostgres)
        const original = fixture(name).file
        const copy = await reencoded(original, one)
        for (const tools of postgres) {
          if (tools.major < from) continue
          expect(await restored(tools, copy), `pg_restore ${tools.version}`).toBe(await restored(tools, original))
        }
      })
    }
  }
})

test('pg_restore verifies the checksums that createEncoder() adds', async (context) => {
  if (postgres.length === 0) context.skip(withoutPostgres)
  const kinds = [
    { name: '18/full-Fd-lz4.dir', one: { container: 'lz4' } },
    ...(hasNativeZstdEncoder() ? [{ name: '18/sch1-Fd-zstd-long.dir', one: { container: 'zstd' } } as const] : []),
  ] as const
  for (const { name, one } of kinds) {
    const copy = await reencoded(fixture(name).file, one)
    const [largest = ''] = readdirSync(copy)
      .filter((file) => containers[extname(file)] === one.container)
      .sort((a, b) => readFileSync(join(copy, b)).length - readFileSync(join(copy, a)).length)
    const bytes = readFileSync(join(copy, largest))
    // The last four bytes are the checksum.
    bytes[bytes.length - 1] = (bytes.at(-1) ?? 0) ^ 1
    writeFileSync(join(copy, largest), bytes)
    for (const tools of postgres.filter(({ major }) => major >= 17)) {
      const outcome = await run(tools.pgRestore, ['-f', '/dev/null', copy])
      expect(outcome.stderr, `pg_restore ${tools.version}`).toMatch(/checksum/i)
      expect(outcome.status).toBe(1)
    }
  }
})
