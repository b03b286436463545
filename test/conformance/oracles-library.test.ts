import { createReadStream, readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import type { ArchiveInput } from '../../src/index.ts'
import { requestOf } from '../helpers/args.ts'
import type { Oracle, PlacedArchive } from '../helpers/corpus.ts'
import { allArchives, expectedErrors, fixture } from '../helpers/corpus.ts'
import { expectOracle, folderOf, oraclesOf } from '../helpers/oracles.ts'
import { shipped } from '../helpers/paths.ts'

/** What list() or toSql() gives for the arguments of an oracle. */
async function answer(archive: PlacedArchive, oracle: Oracle, compat: string, input: ArchiveInput): Promise<Buffer> {
  const { filter, list, open, toSql } = await shipped()
  const request = await requestOf(oracle.args, folderOf(archive), compat)
  await using opened = await open(input)
  const view = filter(opened, request.selection, { compat })
  if (request.verb === 'sql') {
    return Buffer.from(await toSql(view, { compat, ...request.sql }).bytes({ maxBytes: Infinity }))
  }
  // A listing is text: back to the bytes that pg_restore prints, for the two encodings that the archives have.
  const text = list(view, { compat, ...request.list })
  return Buffer.from(text, opened.settings.encoding === 'LATIN1' ? 'latin1' : 'utf8')
}

/** What pg_restore refuses, but the library can do: data of a tar archive in any order, and dependencies that lead nowhere. */
const betterThanPgRestore = /restoring data out of order|bad table dumpId for TABLE DATA item/

describe('list() and toSql() give what pg_restore printed', () => {
  for (const { name, archive, oracle, compat } of oraclesOf(allArchives())) {
    if (betterThanPgRestore.test(expectedErrors(archive, oracle))) continue
    // Listings in other encodings cannot be had back as bytes: encodings.test.ts compares their text.
    if (archive.version === 'encodings' && oracle.args.includes('-l')) continue
    test(name, async () => {
      let stdout: Buffer
      try {
        stdout = await answer(archive, oracle, compat, archive.file)
      } catch (error) {
        if (oracle.rc !== 0) expect(error).toMatchObject({ name: 'ArchiveError' })
        else throw error
        return
      }
      expect(oracle.rc).toBe(0)
      expectOracle(archive, oracle, { stdout })
    })
  }
})

/** The bytes in pieces of one. */
async function* byteByByte(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  for (let i = 0; i < bytes.length; i += 1) yield bytes.subarray(i, i + 1)
}

/** The ways to hand over a file. */
const inputs: Readonly<Record<string, (path: string) => ArchiveInput>> = {
  'a Uint8Array': (path) => new Uint8Array(readFileSync(path)),
  'a Blob': (path) => new Blob([readFileSync(path)]),
  'a Readable': (path) => createReadStream(path),
  'a ReadableStream': (path) => new Blob([readFileSync(path)]).stream(),
  'an async iterable of single bytes': (path) => byteByByte(readFileSync(path)),
}

describe('open() reads the same from every kind of input', () => {
  const chosen = [
    '13/latin1-Ft.tar',
    '13/via-partition-root-Fc.dump',
    '18/full-Fc-lz4.dump',
    '18/full-Fc-zstd.dump',
    '18/full-Fc-pipe.dump',
    '18/many_lo-Fc.dump',
    '18/statistics-Ft.tar',
    'derived/v1.0-Fc.dump',
    'derived/v1.6-Fc-pipe.dump',
    'derived/v1.12-Ft.tar',
  ].map(fixture)
  for (const [kind, make] of Object.entries(inputs)) {
    for (const { name, archive, oracle, compat } of oraclesOf(chosen)) {
      if (!/^(list|sql)(-18)?$/.test(oracle.label)) continue
      test(`${name} from ${kind}`, async () => {
        expectOracle(archive, oracle, { stdout: await answer(archive, oracle, compat, make(archive.file)) })
      })
    }
  }
})
