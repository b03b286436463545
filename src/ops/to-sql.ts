import { encodeByteString } from '../bytes/byte-string.ts'
import { checkOptions } from '../check-options.ts'
import type { Finding } from '../errors.ts'
import { byteStream, chunksOf, type ByteStream } from '../io/byte-stream.ts'
import { compatRules } from '../sql/compat.ts'
import { quoteRules } from '../sql/quote.ts'
import { parseTarget, TargetAdapter } from '../sql/target.ts'
import type { Report, ScriptContext } from '../sql/session.ts'
import { decoderFor } from '../toc/encoding.ts'
import { intlTimeZone } from '../toc/local-time.ts'
import type { TocEntry } from '../toc/types.ts'
import type { ArchiveView } from '../view.ts'
import { asFiltered } from './filter.ts'
import { sqlOptionKinds, type SqlOptions } from './options.ts'
import { ScriptGuard } from './script-guard.ts'
import type { FilteredView } from './selection.ts'
import { resolveScriptOptions, wantsSchema } from './sql-options.ts'
import { planScript } from './sql-plan.ts'
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
  const filtered = asFiltered(view, options)
  const rules = compatRules(options.compat ?? filtered.release)
  const plan = planScript(filtered, rules)
  const wanted = wantsSchema(filtered.selection)
  const scriptOptions = resolveScriptOptions(options, filtered.selection, rules, wanted && plan.hasSchema)
  const report = reporter(options.onMessage)
  const context: ScriptContext = {
    options: scriptOptions,
    rules,
    quote: quoteRules(rules, namedEncoding(filtered), filtered.settings.stdStrings),
    settings: filtered.settings,
    target: targetAdapter(filtered, options),
    format: filtered.header.format,
    lookUp: (dumpId) => filtered.base.entry(dumpId),
    report,
    warn: (code, text, entry) =>
      options.onWarning?.({ code, severity: 'warning', message: withoutLineFeed(text), dumpId: entry.dumpId }),
  }
  return byteStream(() => {
    options.signal?.throwIfAborted()
    if (wanted && !plan.hasSchema) {
      const text = rules.saysImpliedNoSchema ? 'implied no-schema restore' : 'implied data-only restore'
      options.onMessage?.(text, encodeByteString(text))
    }
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

function ignore(): void {}

function targetAdapter(view: FilteredView, { targetVersion, onWarning }: SqlOptions): TargetAdapter | null {
  if (targetVersion === undefined) return null
  const { header, settings } = view
  const decode = decoderFor(settings.encoding)
  const show = (byteString: string): string => decode(encodeByteString(byteString))
  return new TargetAdapter(parseTarget(targetVersion), header.remoteVersion, settings, onWarning ?? ignore, show)
}

/** Composes a message twice: with names decoded, and with their bytes. */
function reporter(onMessage: SqlOptions['onMessage']): Report {
  if (onMessage === undefined) return ignore
  return (entry, compose) => {
    const text = compose((field) => entry[field] ?? '(null)')
    const bytes = compose((field) => entry.raw.byteString(field) ?? '(null)')
    onMessage(withoutLineFeed(text), encodeByteString(withoutLineFeed(bytes)))
  }
}

/** pg_restore's log drops one line feed from the end of what it is told (pg_log_generic_v, logging.c). */
function withoutLineFeed(text: string): string {
  return text.endsWith('\n') ? text.slice(0, -1) : text
}

/** The encoding the archive names; null when it names none. */
function namedEncoding(view: FilteredView): string | null {
  return view.allEntries.some(({ desc }) => desc === 'ENCODING') ? view.settings.encoding : null
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
