import { createReadStream, readFileSync } from 'node:fs'
import { Readable } from 'node:stream'
import {
  auditData,
  convert,
  create,
  digest,
  listBytes,
  listJson,
  open,
  reindex,
  salvage,
  toSql,
  verify,
} from '../../src/index.ts'
import type { Archive, ArchiveFormat, ArchiveInput } from '../../src/index.ts'

/** What a verb works with. */
export interface Work {
  /** The archive that it reads. */
  readonly input: string
  /** Where it may write. */
  readonly output: string
  readonly signal: AbortSignal
  /** Threads that decompress. */
  readonly workers: number
}

/** A verb of the public interface, from the path of an archive to a result. */
export interface Verb {
  readonly name: string
  readonly formats: readonly ArchiveFormat[]
  /** It makes this out of nothing, changes the input in place, or writes nothing. */
  readonly writes: 'file' | 'directory' | 'input' | 'nothing'
  /** It is handed a stream that Node.js reads. */
  readonly readsStream?: boolean
  /** Gives what tells one result from another. */
  readonly run: (work: Work) => Promise<unknown>
}

const every: readonly ArchiveFormat[] = ['custom', 'directory', 'tar']

async function withArchive<T>(
  input: ArchiveInput,
  { signal, workers }: Work,
  use: (archive: Archive) => Promise<T>,
): Promise<T> {
  await using archive = await open(input, { signal, workers })
  return await use(archive)
}

function reading(name: string, formats: readonly ArchiveFormat[], run: Verb['run']): Verb {
  return { name, formats, writes: 'nothing', run }
}

function converting(format: ArchiveFormat, method: 'none' | 'gzip' | 'lz4'): Verb {
  return {
    name: `convert to ${format}, ${method}`,
    formats: every,
    writes: format === 'directory' ? 'directory' : 'file',
    run: (work) =>
      withArchive(work.input, work, async (archive) => {
        const { signal } = work
        return (await convert(archive, work.output, { format, compression: { method }, signal })).entries
      }),
  }
}

function creating(format: ArchiveFormat): Verb {
  return {
    name: `create a ${format} archive`,
    formats: ['custom'],
    writes: format === 'directory' ? 'directory' : 'file',
    run: async ({ output, signal }) => {
      const options = {
        format,
        signal,
        createDate: { year: 2026, month: 1, day: 2, hour: 3, minute: 4, second: 5, isdst: 0 },
      }
      const writer = await create(output, options)
      const table = writer.addEntry({ desc: 'TABLE', tag: 't', namespace: 'public' })
      const data = Array.from({ length: 3000 }, (_, id) => [String(id), null, 'x'.repeat(100)])
      writer.addEntry({ desc: 'TABLE DATA', tag: 't', dependencies: [table], columns: ['a', 'b', 'c'], data })
      writer.addLargeObjects([
        { oid: 5, data: new Uint8Array(70_000).fill(7) },
        { oid: 6, data: new Uint8Array(0) },
      ])
      await writer.finish()
      return 'made'
    },
  }
}

function salvaging(format: ArchiveFormat): Verb {
  return {
    name: `salvage to ${format}`,
    formats: every,
    writes: format === 'directory' ? 'directory' : 'file',
    run: async ({ input, output, signal }) => {
      const { whole, entriesWritten } = await salvage(input, output, { format, signal })
      return [whole, entriesWritten]
    },
  }
}

/** Every verb, and the ways in which an archive comes in; a new one is a new line here. */
export const verbs: readonly Verb[] = [
  reading('list', every, (work) =>
    withArchive(
      work.input,
      work,
      async (archive) => Buffer.from(listBytes(archive)).toString('latin1') + listJson(archive),
    ),
  ),
  reading('sizes', every, (work) =>
    withArchive(work.input, work, async (archive) => {
      const { archiveBytes, dataBytes } = await archive.storedSizes({ signal: work.signal })
      return JSON.stringify([archiveBytes, ...dataBytes])
    }),
  ),
  reading('digest', every, (work) =>
    withArchive(work.input, work, async (archive) => (await digest(archive, { signal: work.signal })).sha256),
  ),
  reading('audit of rows', every, (work) =>
    withArchive(work.input, work, async (archive) => {
      const { rowCount, duplicates, orphans } = await auditData(archive, { signal: work.signal })
      return JSON.stringify([archive.toc.map((entry) => rowCount(entry)), duplicates.length, orphans.length])
    }),
  ),
  {
    name: 'digest of a stream',
    formats: ['custom'],
    writes: 'nothing',
    readsStream: true,
    run: (work) => {
      const stream = createReadStream(work.input)
      return withArchive(stream, work, async (archive) => (await digest(archive, { signal: work.signal })).content)
    },
  },
  reading('list of a spooled stream', ['custom', 'tar'], async (work) => {
    const { signal, workers } = work
    await using archive = await open(Readable.from([readFileSync(work.input)]), { signal, workers, spool: true })
    return (await digest(archive, { signal })).content
  }),
  {
    name: 'sql',
    formats: every,
    writes: 'file',
    run: (work) =>
      withArchive(work.input, work, (archive) =>
        toSql(archive, { restrictKey: 'k', signal: work.signal }).pipeTo(work.output, { signal: work.signal }),
      ),
  },
  converting('custom', 'none'),
  converting('custom', 'lz4'),
  converting('directory', 'gzip'),
  converting('tar', 'none'),
  creating('custom'),
  creating('directory'),
  creating('tar'),
  {
    name: 'verify',
    formats: every,
    writes: 'nothing',
    run: async ({ input, signal, workers }) => {
      const { sound, findings, digest: found } = await verify(input, { signal, workers })
      return JSON.stringify([sound, findings, found?.sha256])
    },
  },
  salvaging('custom'),
  salvaging('directory'),
  {
    name: 'reindex',
    formats: ['custom'],
    writes: 'input',
    run: async ({ input, signal }) => (await reindex(input, { signal })).set,
  },
]
