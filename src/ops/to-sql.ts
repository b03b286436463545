import { checkOptions } from '../check-options.ts'
import type { Finding } from '../errors.ts'
import { byteStream, chunksOf, type ByteStream } from '../io/byte-stream.ts'
import { intlTimeZone } from '../toc/local-time.ts'
import type { TocEntry } from '../toc/types.ts'
import type { ArchiveView } from '../view.ts'
import { sqlOptionKinds, type SqlOptions } from './options.ts'
import { prepareScript } from './prepare-script.ts'
import { ScriptGuard } from './script-guard.ts'
import { SqlScript } from './sql-script.ts'

/**
 * The SQL script that `pg_restore -f` writes, byte for byte (RestoreArchive, pg_backup_archiver.c). Names and
 * definitions come out as the bytes the archive holds. What precedes an error is given out before the error.
 *
 * A view that did not come out of `filter` is restored as `filter(view, {})` selects.
 *
 * @example
 * await toSql(filter(archive, { schemaOnly: true }), { clean: true, ifExists: true }).pipeTo('schema.sql')
 *
 * @throws ArchiveError USAGE at once, for options that exclude each other or a release that is not known; while
 * reading, what reading data throws, UNSAFE_SQL where `safe` refuses, UNSUPPORTED and ENTRY_NOT_FOUND where pg_restore gives up on an entry
 */
export function toSql(view: ArchiveView, options: SqlOptions = {}): ByteStream {
  checkOptions('write SQL', options, sqlOptionKinds)
  return scriptOf(view, options)
}

/** What else a script may be made with. */
export interface ScriptParts {
  /** Text instead of the data of entries. */
  readonly standIn?: (entry: TocEntry) => string
  /** Receives what {@link SqlOptions.safe} would refuse. */
  readonly onFinding?: (finding: Finding) => void
}

/** A script, perhaps with text instead of the data of entries. */
export function scriptOf(view: ArchiveView, options: SqlOptions, { standIn, onFinding }: ScriptParts = {}): ByteStream {
  const { filtered, plan, context, announce } = prepareScript(view, options)
  return byteStream(() => {
    options.signal?.throwIfAborted()
    announce()
    if (standIn === undefined) filtered.plan(plan.data)
    let current: TocEntry | undefined
    const { settings } = filtered
    const guarded = options.safe === true || onFinding !== undefined
    const guard = guarded ? new ScriptGuard({ settings, onFinding: onFinding ?? null }) : undefined
    const script = new SqlScript({
      view: filtered,
      plan,
      context,
      timeZone: options.timeZone ?? intlTimeZone(),
      signal: options.signal,
      standIn,
      guard,
      onEntry: (entry) => {
        current = entry
      },
    })
    return chunksOf(reported(script.chunks(), options, () => current))
  })
}

async function* reported(
  chunks: AsyncIterable<Uint8Array>,
  { signal, onProgress }: SqlOptions,
  current: () => TocEntry | undefined,
): AsyncGenerator<Uint8Array, void, void> {
  let bytes = 0
  for await (const chunk of chunks) {
    signal?.throwIfAborted()
    yield chunk
    bytes += chunk.length
    onProgress?.({ bytes, entry: current()?.dumpId })
  }
}
