import { InsertRenamer } from '../copy/insert-renamer.ts'
import { ArchiveError } from '../errors.ts'
import { byteStream, type ByteStream } from '../io/byte-stream.ts'
import type { ChunkSource } from '../io/chunks.ts'
import { mixedEncodings } from '../sql/lexer.ts'
import { charLengthOf } from '../sql/multibyte.ts'
import { renamedIdentifier, type RenameRules } from '../sql/rename.ts'
import type { ArchiveSettings, TocEntry } from '../toc/types.ts'

/** Whether the data of an entry are INSERT commands that may name a schema (before 7.3 there are none). */
export function namesTables({ desc, hadDumper, raw }: TocEntry): boolean {
  const isRows = desc === 'TABLE DATA' && hadDumper && Boolean(raw.byteString('namespace'))
  // before 1.3 there is no such field
  return isRows && raw.byteString('copyStmt') !== undefined && !raw.byteString('copyStmt')
}

/**
 * Rows that are INSERT commands, with the schemas of their tables renamed: that of a partition's rows is the root's, if
 * they were dumped with --load-via-partition-root.
 *
 * @throws ArchiveError UNDECIDED_REFERENCE when read, for what is no INSERT command of pg_dump
 */
export function renameInserts(
  { dumpId, namespace, tag }: TocEntry,
  data: ByteStream,
  { encoding, stdStrings }: ArchiveSettings,
  rules: RenameRules,
): ByteStream {
  return byteStream(() => {
    const renamer = new InsertRenamer({
      stdStrings,
      charLength: mixedEncodings.has(encoding) ? charLengthOf(encoding) : undefined,
      rename: (schema) => {
        const kind = schema.startsWith('"') ? 'name' : 'word'
        return renamedIdentifier(schema, { kind, start: 0, end: schema.length, closed: true }, rules)
      },
      refuse: ({ code, offset, statement }) => {
        const table = namespace === null ? tag : `${namespace}.${tag}`
        throw new ArchiveError(
          'UNDECIDED_REFERENCE',
          `Cannot rename schemas in the rows of ${table}: statement ${statement} is none that pg_dump writes (${code} at offset ${offset} of the data)`,
          { dumpId, details: { defect: code, offset, statement }, hint: 'See what pgdmp verify says of the archive' },
        )
      },
    })
    return renamed(data.borrow(), renamer)
  })
}

function renamed(source: ChunkSource, renamer: InsertRenamer): ChunkSource {
  let ended = false
  return {
    async next() {
      while (!ended) {
        const chunk = await source.next()
        ended = chunk === null
        const text = chunk === null ? renamer.finish() : renamer.push(chunk)
        if (text.length > 0) return text
      }
      return null
    },
    cancel: () => source.cancel(),
  }
}
