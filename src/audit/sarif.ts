import { packageVersion } from '../package-version.ts'
import type { AppliedRule, AuditReport, SuppressedFinding } from './report.ts'
import { harmless } from './text.ts'
import type { AuditFinding, AuditSeverity } from './types.ts'

/** A report and the archive that it is about, as a path or URI. */
export interface NamedReport {
  readonly path: string
  readonly report: AuditReport
}

/** SARIF's three levels. */
const levels: Readonly<Record<AuditSeverity, 'error' | 'warning' | 'note'>> = {
  error: 'error',
  warning: 'warning',
  notice: 'note',
  info: 'note',
}

/** SARIF's names for kinds of things, as far as it has one. */
const kinds: ReadonlyMap<string, string> = new Map([
  ['FUNCTION', 'function'],
  ['PROCEDURE', 'function'],
  ['AGGREGATE', 'function'],
  ['SCHEMA', 'namespace'],
  ['TYPE', 'type'],
  ['DOMAIN', 'type'],
])

/**
 * Reports as one SARIF 2.1.0 log, a run for each archive, ready for JSON: for code scanning services and viewers.
 * Findings that are suppressed are in it, marked so.
 */
export function auditSarif(reports: readonly NamedReport[]): object {
  return {
    $schema: 'https://json.schemastore.org/sarif-2.1.0.json',
    version: '2.1.0',
    runs: reports.map(runOf),
  }
}

function runOf({ path, report }: NamedReport): object {
  const { rules, findings, suppressed } = report
  // of a run that has them of one result, all must have them (3.27.23, 3.27.24)
  const fromBaseline = suppressed.some(({ by }) => by === 'baseline')
  const rest = {
    ...(fromBaseline ? { baselineState: 'new' } : {}),
    ...(suppressed.length > 0 ? { suppressions: [] } : {}),
  }
  const places = new Map(rules.map(({ id }, index) => [id, index]))
  const result = (finding: AuditFinding): object => resultOf(finding, places, path)
  return {
    tool: {
      driver: {
        name: 'pgdmp',
        version: packageVersion,
        semanticVersion: packageVersion,
        rules: rules.map(descriptorOf),
      },
    },
    artifacts: [{ location: { uri: uriOf(path) }, roles: ['analysisTarget'] }],
    results: [
      ...findings.map((finding) => Object.assign(result(finding), rest)),
      ...suppressed.map((one) => Object.assign(result(one.finding), rest, suppressionOf(one))),
    ],
    columnKind: 'utf16CodeUnits',
    properties: { target: report.target ?? null, archive: report.archive },
  }
}

function descriptorOf({ id, severity, category, message, explanation, fix, links }: AppliedRule): object {
  const [helpUri] = links
  return {
    id,
    shortDescription: { text: message },
    fullDescription: { text: explanation },
    help: { text: `${explanation}\n\n${fix}${links.map((link) => `\n${link}`).join('')}` },
    ...(helpUri === undefined ? {} : { helpUri }),
    defaultConfiguration: { level: levels[severity] },
    properties: { category, severity, tags: [category] },
  }
}

function resultOf(finding: AuditFinding, places: ReadonlyMap<string, number>, path: string): object {
  const { rule, severity, message, fix, object, desc, dumpId, fingerprint, position } = finding
  const place = places.get(rule)
  return {
    ruleId: rule,
    ...(place === undefined ? {} : { ruleIndex: place }),
    level: levels[severity],
    message: { text: plain(`${message}. ${fix}`) },
    locations: [
      {
        // an archive has no lines, but services that show results ask for one
        physicalLocation: { artifactLocation: { uri: uriOf(path), index: 0 }, region: { startLine: 1 } },
        ...(desc === undefined && object === ''
          ? {}
          : {
              logicalLocations: [{ fullyQualifiedName: harmless(object), kind: kinds.get(desc ?? '') ?? 'object' }],
            }),
      },
    ],
    partialFingerprints: { 'pgdmp/v1': fingerprint },
    properties: { severity, dumpId: dumpId ?? null, type: desc ?? null, position: position ?? null },
  }
}

function suppressionOf({ by, reason }: SuppressedFinding): object {
  if (by === 'baseline') return { baselineState: 'unchanged', suppressions: [{ kind: 'external' }] }
  const kind = by === 'archive' ? 'inSource' : 'external'
  return { suppressions: [{ kind, ...(reason === undefined ? {} : { justification: harmless(reason) }) }] }
}

/** A message that is nothing but text: SARIF makes a link of `[text](target)` (3.11.6), and names come from archives. */
function plain(message: string): string {
  return harmless(message).replaceAll(/[\\[\]]/g, (mark) => `\\${mark}`)
}

/** A path as a URI reference. */
function uriOf(path: string): string {
  const uri = path.replaceAll('\\', '/').split('/').map(encodeURIComponent).join('/')
  return uri.startsWith('/') ? `file://${uri}` : uri
}
