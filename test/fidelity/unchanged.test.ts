import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { open, type Archive } from '../../src/archive.ts'
import { verify } from '../../src/inspect/verify.ts'
import { derive, type ArchiveView } from '../../src/view.ts'
import { writeView } from '../../src/write-view.ts'
import { collectingStream, fileStream } from '../helpers/archives.ts'
import { allArchives, digest } from '../helpers/corpus.ts'

let outputs = 0
const folder = mkdtempSync(join(tmpdir(), 'pgdmp-fidelity-'))
const nextOutput = (): string => join(folder, String(outputs++))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

/** What is written anew whatever is asked: versions before 1.12, and integers of another size than 4 bytes. */
function isOld({ header }: ArchiveView): boolean {
  return header.version.minor < 12 || header.intSize !== 4
}

const archives = allArchives()

describe('writeView() of an archive that nothing was changed of', () => {
  test.each(archives)('$path: same bytes', async ({ file }) => {
    const output = nextOutput()
    await using archive = await open(file)
    const result = await writeView(archive, output)
    expect(result.verbatim).toBe(!isOld(archive))
    if (result.verbatim) expect(digest(output)).toBe(digest(file))
    else expect((await reopened(output)).minor).toBeGreaterThanOrEqual(12)
    rmSync(output, { recursive: true })
  })

  test.each(archives.filter(({ format }) => format === 'custom'))(
    '$path from a stream: same bytes',
    async ({ file }) => {
      const output = nextOutput()
      await using archive = await open(fileStream(file))
      const result = await writeView(archive, output)
      expect(result.verbatim).toBe(!isOld(archive))
      if (result.verbatim) expect(digest(output)).toBe(digest(file))
      rmSync(output)
    },
  )
})

describe('writeView() entry by entry', () => {
  test.each(archives.filter(({ format }) => format !== 'tar'))(
    '$path: same bytes',
    async ({ file, format, version }) => {
      await using archive = await open(file)
      if (isOld(archive) || archive.header.compression.algorithm === 'unknown') return
      const view = pieceByPiece(archive)
      // offsets that were not set stay so on output that cannot go back
      if (format === 'custom' && archive.toc.some(({ data }) => data.state === 'not-set')) {
        const { stream, bytes } = collectingStream()
        expect((await writeView(view, stream)).verbatim).toBe(false)
        // what a shell's redirection made of the table of contents, pg_dump into a pipe does not make
        const expected = readFileSync(file).subarray(0, version === 'redirected' ? await secondToc(file) : Infinity)
        expect(bytes().equals(expected)).toBe(true)
        return
      }
      const output = nextOutput()
      const result = await writeView(view, output)
      expect(result).toMatchObject({ verbatim: false, streams: { compressed: 0, rewrapped: 0 } })
      expect(digest(output)).toBe(digest(file))
      rmSync(output, { recursive: true })
    },
  )
})

/** The archive without the way to copy it whole. */
function pieceByPiece(archive: Archive): ArchiveView {
  const { storage } = archive
  if (storage === undefined) throw new Error('An archive has a storage')
  return derive(archive, { storage: { ...storage, verbatim: async () => undefined } })
}

/** Where the table of contents begins a second time. */
async function secondToc(file: string): Promise<number> {
  const { findings } = await verify(file, { level: 'quick' })
  const found = findings.find(({ code }) => code === 'SECOND_TOC')
  if (found?.offset === undefined) throw new Error(`${file} has no second table of contents`)
  return found.offset
}

async function reopened(path: string): Promise<{ readonly minor: number }> {
  await using archive = await open(path)
  return archive.header.version
}
