import {
  ArchiveError,
  compatRules,
  formatNumber,
  openSink,
  parseReceipt,
  standardInput,
  verify as verifyArchive,
  type Finding,
  type Receipt,
  type VerifyReport,
} from '../index.ts'
import { useCallingThread } from '../io/calling-thread.ts'
import { parseBytes, parseManyArchives, readText, type CommandLine, type CommandSyntax } from './command-line.ts'
import { verifyHelp } from './help.ts'
import { openOptions } from './input.ts'
import { formatBytes, printable } from './layout.ts'
import { limitsFrom } from './limits-option.ts'
import { namingOutput, writeText } from './output.ts'
import { archiveFormat, byteStringOf } from './pg-restore-options.ts'
import { Progress } from './progress.ts'
import { isSystemError, strerror } from './strerror.ts'
import { versionText } from './summary.ts'
import { complain, exit, hintOf, type Terminal } from './terminal.ts'
import { jsonText } from './json-text.ts'

const syntax: CommandSyntax = {
  name: 'verify',
  own: [...openOptions.own, 'against', 'force', 'json', 'quick', 'quiet', 'receipt'],
  restore: [...openOptions.restore, 'jobs', 'verbose'],
}

/** `pgdmp verify`: whether archives are sound, and what is wrong with them. */
export async function verify(terminal: Terminal, args: readonly string[]): Promise<number> {
  const parsed = await parseManyArchives(terminal, syntax, args)
  if (parsed === null) {
    await writeText(terminal, undefined, verifyHelp)
    return exit.good
  }
  const { line, archives } = parsed
  const receiptFile = line.own('receipt').at(-1)
  const againstFile = line.own('against').at(-1)
  if (archives.length > 1 && (receiptFile !== undefined || againstFile !== undefined)) {
    throw new ArchiveError('USAGE', 'verify: a receipt is of one archive, must be given one only')
  }
  if (receiptFile === '-' && line.own('json').length > 0) {
    throw new ArchiveError('USAGE', 'verify: --json and --receipt=- both write to standard output', {
      hint: 'Give --receipt a file',
    })
  }
  const sink =
    receiptFile === undefined || receiptFile === '-'
      ? undefined
      : await namingOutput(
          receiptFile,
          openSink(receiptFile, {
            overwrite: line.own('force').length > 0 ? 'replace' : 'refuse',
            signal: terminal.signal,
          }),
        )
  const results: VerifyReport[] = []
  let worst: number = exit.good
  try {
    const against = againstFile === undefined ? undefined : await readReceipt(terminal, againstFile)
    const reports: object[] = []
    for (const archive of archives) {
      const result = await verifyOne(terminal, line, archive, { wantsReceipt: receiptFile !== undefined, against })
      const status = typeof result === 'string' ? exit.unreadable : statusOf(result)
      worst = Math.max(worst, status)
      if (typeof result !== 'string') results.push(result)
      if (line.own('json').length > 0) reports.push(asJson(archive, result))
      else if (line.own('quiet').length === 0 && typeof result !== 'string') {
        const text = asText(archive, result, line.options.verbosity > 0)
        if (receiptFile === '-') terminal.stderr.write(text)
        else await writeText(terminal, undefined, text)
      }
    }
    if (line.own('json').length > 0) {
      await writeText(terminal, undefined, `${jsonText(archives.length === 1 ? reports[0] : reports, 2)}\n`)
    }
    const receipt = results[0]?.receipt
    if (receiptFile !== undefined && receipt != null && worst === exit.good) {
      const text = `${jsonText(receipt, 1)}\n`
      if (sink === undefined) await writeText(terminal, undefined, text)
      else {
        await namingOutput(receiptFile, sink.write(new TextEncoder().encode(text)))
        await namingOutput(receiptFile, sink.commit())
      }
    } else {
      await sink?.abort()
      if (receiptFile !== undefined && results.length > 0) {
        complain(terminal, 'no receipt was written: the archive is not sound')
      }
    }
  } catch (error) {
    await sink?.abort(error)
    throw error
  }
  return worst
}

function statusOf({ readable, sound }: VerifyReport): number {
  return readable ? (sound ? exit.good : exit.bad) : exit.unreadable
}

async function readReceipt(terminal: Terminal, file: string): Promise<Receipt> {
  return parseReceipt(await readText(terminal, 'receipt', file))
}

/** @returns a text for an archive that the system does not let us read, which has been told */
async function verifyOne(
  terminal: Terminal,
  line: CommandLine,
  archive: string,
  { wantsReceipt, against }: { readonly wantsReceipt: boolean; readonly against: Receipt | undefined },
): Promise<VerifyReport | string> {
  const quiet = line.own('quiet').length > 0
  const progress = quiet || !terminal.stderr.isTTY ? undefined : new Progress(terminal.stderr)
  const format = line.value('format')
  const known = format === undefined ? undefined : archiveFormat(byteStringOf(format), compatRules())
  const maxBuffer = line.own('max-buffer').at(-1)
  try {
    useCallingThread()
    return await verifyArchive(archive === '-' ? await standardInput(terminal.stdin) : archive, {
      ...(known === undefined ? {} : { format: known }),
      ...(maxBuffer === undefined ? {} : { maxBufferBytes: parseBytes('--max-buffer', maxBuffer) }),
      ...(line.options.given.has('jobs') ? { workers: line.options.jobs } : {}),
      ...(against === undefined ? {} : { against }),
      limits: limitsFrom(line),
      spool: line.own('spool').length > 0,
      level: line.own('quick').length > 0 ? 'quick' : 'deep',
      receipt: wantsReceipt,
      signal: terminal.signal,
      ...(progress === undefined
        ? {}
        : {
            onProgress: ({ bytes, part, entry }) =>
              progress.update(bytes, part, entry === undefined ? '' : printable(`${entry.desc} ${entry.tag ?? ''}`)),
          }),
    })
  } catch (error) {
    if (!isSystemError(error)) throw error
    progress?.done()
    const message = `Cannot open "${archive}": ${strerror(error)}`
    complain(terminal, message, hintOf(error))
    return message
  } finally {
    progress?.done()
  }
}

function asJson(archive: string, report: VerifyReport | string): object {
  if (typeof report === 'string') {
    const finding: Finding = { code: 'FILE_ERROR', severity: 'error', message: report, file: archive }
    return { archive, readable: false, sound: false, findings: [finding] }
  }
  const { header, receipt: _, ...rest } = report
  const facts = header === null ? null : { version: versionText(header.version), compression: header.compression }
  const origin =
    header === null
      ? null
      : { dbname: header.dbname, serverVersion: header.remoteVersion, pgDumpVersion: header.dumpVersion }
  return { archive, ...rest, header: facts === null ? null : { ...facts, ...origin } }
}

const severityNames: Readonly<Record<Finding['severity'], string>> = {
  error: 'error',
  warning: 'warning',
  info: 'note',
}

function asText(archive: string, report: VerifyReport, isVerbose: boolean): string {
  const { header, format, findings, totals, level } = report
  const lines: string[] = []
  const facts =
    header === null || format === null
      ? 'unreadable'
      : `${format} ${versionText(header.version)}, ${header.compression.algorithm}`
  lines.push(printable(`${archive}: ${facts}`))
  for (const { severity, code, message, hint } of findings) {
    lines.push(printable(`  ${severityNames[severity].padEnd(7)}  ${code}: ${message}`))
    if (hint !== undefined) lines.push(printable(`           ${hint}`))
  }
  if (isVerbose) for (const entry of report.entries) lines.push(entryLine(entry))
  if (report.readable) {
    const read =
      level === 'quick'
        ? 'not decompressed'
        : `${formatNumber(totals.rows)} rows, ${formatNumber(totals.largeObjects)} large objects, ${formatBytes(totals.bytes)}`
    lines.push(`  ${formatNumber(totals.entries)} entries, ${formatNumber(totals.withData)} with data: ${read}`)
  }
  lines.push(`  ${verdict(report)}`)
  return `${lines.join('\n')}\n`
}

function entryLine({ dumpId, desc, namespace, tag, rows, bytes, digest }: VerifyReport['entries'][number]): string {
  const name = namespace === null || namespace === '' ? (tag ?? '') : `${namespace}.${tag ?? ''}`
  const counts = rows === null ? '' : `, ${formatNumber(rows)} rows`
  const size = bytes === null ? '' : `, ${formatBytes(bytes)}`
  return printable(`  ${dumpId} ${desc} ${name}${counts}${size}${digest === null ? '' : `, ${digest}`}`)
}

function verdict({ findings, sound, readable }: VerifyReport): string {
  if (!readable) return 'UNREADABLE'
  if (sound) return 'sound'
  const count = (severity: Finding['severity']): number => findings.filter((one) => one.severity === severity).length
  const errors = count('error')
  const warnings = count('warning')
  return `NOT SOUND: ${formatNumber(errors)} ${errors === 1 ? 'error' : 'errors'}, ${formatNumber(warnings)} ${warnings === 1 ? 'warning' : 'warnings'}`
}
