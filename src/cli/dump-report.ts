import { formatNumber, type VerifyReport } from '../index.ts'
import type { KeptArchive } from '../inspect/keep-archive.ts'
import type { PgDump } from './find-pg-dump.ts'
import { formatBytes, formatDuration, printable } from './layout.ts'
import { versionText } from './summary.ts'
import { jsonText } from './json-text.ts'

/** What there is to say of a dump besides what was found in it. */
export interface DumpFacts {
  readonly output: string
  readonly milliseconds: number
  readonly pgDump: PgDump
  /** Files that were written. */
  readonly receipt: string | undefined
  readonly globals: string | undefined
}

/**
 * Findings about what is in rows and definitions: pg_dump writes down what the database has, and the archive is whole
 * all the same. All other defects mean that something is missing or damaged.
 */
const ofTheDatabase: ReadonlySet<string> = new Set([
  'INVALID_TEXT',
  'UNSAFE_TEXT',
  'DEPENDENCY_CYCLE',
  'BAD_COPY_STATEMENT',
  'COPY_ROW_BYTES',
  'COPY_ROW_FIELDS',
  'COPY_WITHOUT_COLUMNS',
  'SQL_UNUSUAL',
])

/** `sound`, `whole` with defects that were in the database before, or `broken`. */
export function wholeness({ readable, sound, digest, findings }: VerifyReport): 'sound' | 'whole' | 'broken' {
  if (!readable || digest === null) return 'broken'
  if (sound) return 'sound'
  const isWhole = findings.every(({ severity, code }) => severity === 'info' || ofTheDatabase.has(code))
  return isWhole ? 'whole' : 'broken'
}

/** What became of a dump, for people or as JSON. */
export function reportDump({ report, receipt }: KeptArchive, facts: DumpFacts, json: boolean): string {
  const { header, format, findings, totals } = report
  const { output, milliseconds, pgDump } = facts
  const state = wholeness(report)
  if (json) {
    const record = {
      archive: output,
      kept: state !== 'broken',
      sound: report.sound,
      seconds: Math.round(milliseconds) / 1000,
      format,
      version: header === null ? null : versionText(header.version),
      compression: header?.compression.algorithm ?? null,
      dbname: header?.dbname ?? null,
      serverVersion: header?.remoteVersion ?? null,
      pgDumpVersion: header?.dumpVersion ?? pgDump.version,
      bytes: receipt?.archive.bytes ?? null,
      sha256: receipt?.archive.sha256 ?? null,
      digest: report.digest?.sha256 ?? null,
      totals,
      receipt: facts.receipt ?? null,
      globals: facts.globals ?? null,
      findings,
    }
    return `${jsonText(record, 2)}\n`
  }
  const lines: string[] = []
  if (header === null || format === null) lines.push(`${output}: unreadable`)
  else {
    const what = `${format} ${versionText(header.version)}, ${header.compression.algorithm}`
    lines.push(
      `${output}: ${what}, of "${header.dbname ?? ''}", server ${header.remoteVersion}, pg_dump ${header.dumpVersion}`,
    )
  }
  for (const { severity, code, message, hint } of findings) {
    // remarks are for programs, and for pgdmp verify
    if (severity === 'info') continue
    lines.push(`  ${severity.padEnd(7)}  ${code}: ${message}`)
    if (hint !== undefined) lines.push(`           ${hint}`)
  }
  const rows = `${formatNumber(totals.rows)} rows, ${formatNumber(totals.largeObjects)} large objects`
  lines.push(`  ${formatNumber(totals.entries)} entries, ${formatNumber(totals.withData)} with data: ${rows}`)
  if (receipt !== null) {
    const { bytes, sha256 } = receipt.archive
    lines.push(
      `  ${formatBytes(totals.bytes)} of data in ${formatBytes(bytes)}, taken and verified in ${formatDuration(milliseconds)}`,
    )
    lines.push(`  sha256 ${sha256}`)
  }
  for (const file of [facts.receipt, facts.globals]) if (file !== undefined) lines.push(`  and ${file}`)
  lines.push(`  ${state === 'sound' ? 'sound' : state === 'whole' ? 'WHOLE, WITH DEFECTS' : 'NOT WHOLE'}`)
  return lines.map((line) => `${printable(line)}\n`).join('')
}
