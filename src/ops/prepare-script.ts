import { encodeByteString } from '../bytes/byte-string.ts'
import { mostScriptText } from '../limits.ts'
import { compatRules } from '../sql/compat.ts'
import { quoteRules } from '../sql/quote.ts'
import type { Report, ScriptContext } from '../sql/session.ts'
import { parseTarget, TargetAdapter } from '../sql/target.ts'
import { decoderFor } from '../toc/encoding.ts'
import type { ArchiveView } from '../view.ts'
import { asFiltered } from './filter.ts'
import type { SqlOptions } from './options.ts'
import type { FilteredView } from './selection.ts'
import { resolveScriptOptions, wantsSchema } from './sql-options.ts'
import { planScript, type ScriptPlan } from './sql-plan.ts'

/** All that a script or a restore needs to know before its first command. */
export interface PreparedScript {
  readonly filtered: FilteredView
  readonly plan: ScriptPlan
  readonly context: ScriptContext
  /** Says what pg_restore says once it has seen the entries: to be called when the work begins. */
  readonly announce: () => void
  /** A message of -v that is about no entry. */
  readonly say: (text: string) => void
}

/**
 * Checks the options and sorts the entries (RestoreArchive, pg_backup_archiver.c, up to its first output).
 *
 * @throws ArchiveError USAGE for options that exclude each other or a release that is not known
 */
export function prepareScript(view: ArchiveView, options: SqlOptions): PreparedScript {
  const filtered = asFiltered(view, options)
  const rules = compatRules(options.compat ?? filtered.release)
  const plan = planScript(filtered, rules)
  const wanted = wantsSchema(filtered.selection)
  const context: ScriptContext = {
    options: resolveScriptOptions(options, filtered.selection, rules, wanted && plan.hasSchema),
    rules,
    quote: quoteRules(rules, namedEncoding(filtered), filtered.settings.stdStrings),
    settings: filtered.settings,
    target: targetAdapter(filtered, options),
    format: filtered.header.format,
    mostText: mostScriptText(filtered.limits),
    lookUp: (dumpId) => filtered.base.entry(dumpId),
    report: reporter(options.onMessage),
    warn: (code, text, entry) =>
      options.onWarning?.({ code, severity: 'warning', message: withoutLineFeed(text), dumpId: entry.dumpId }),
  }
  const say = (text: string): void => options.onMessage?.(text, encodeByteString(text))
  const announce = (): void => {
    if (!wanted || plan.hasSchema) return
    say(rules.saysImpliedNoSchema ? 'implied no-schema restore' : 'implied data-only restore')
  }
  return { filtered, plan, context, announce, say }
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
