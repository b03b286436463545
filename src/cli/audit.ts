import { existsSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import {
  ArchiveError,
  audit as auditArchive,
  auditData,
  auditHtml,
  auditMarkdown,
  auditRules,
  auditRulesMarkdown,
  auditSarif,
  auditSeverities,
  isArchiveError,
  packageVersion,
  parseAuditBaseline,
  parseAuditConfig,
  postRestoreSql,
  rolesSql,
  targetProfile,
  type AuditConfig,
  type AuditDataOptions,
  type AuditOptions,
  type AuditReport,
  type AuditRule,
  type AuditSeverity,
  type NamedReport,
  type RuleSetting,
} from '../index.ts'
import { auditHelp } from './audit-help.ts'
import { auditText } from './audit-text.ts'
import { collectGarbage } from './engine.ts'
import { parseBytes, parseManyArchives, readText, type CommandLine, type CommandSyntax } from './command-line.ts'
import { openArchive, openOptions } from './input.ts'
import { refuseArchive, writeText } from './output.ts'
import { complain, exit, hintOf, messageOf, type Terminal } from './terminal.ts'
import { jsonText } from './json-text.ts'

const syntax: CommandSyntax = {
  name: 'audit',
  own: [
    ...openOptions.own,
    'all',
    'baseline',
    'config',
    'data',
    'fail-on',
    'inline',
    'input-format',
    'inventory',
    'key-memory',
    'list-rules',
    'no-config',
    'post-restore',
    'report-format',
    'roles-sql',
    'rule',
    'rules',
    'target',
  ],
  restore: ['file'],
}

/** Read without being asked for when it lies in the current folder. */
const CONFIG_FILE = 'pgdmp.audit.json'

/** The catalogs of such archives are most of what an audit takes. */
const MANY_ENTRIES = 10_000

const formats = ['text', 'json', 'ndjson', 'sarif', 'markdown', 'html'] as const

type Format = (typeof formats)[number]

/** `pgdmp audit`: what archives would do to a server, and whether they can be restored. */
export async function audit(terminal: Terminal, args: readonly string[]): Promise<number> {
  // a list of rules is of no archive: none need be named
  const parsed = await parseManyArchives(terminal, syntax, args.includes('--list-rules') ? [...args, '-'] : args)
  if (parsed === null) {
    await writeText(terminal, undefined, auditHelp)
    return exit.good
  }
  const { line, archives } = parsed
  const format = oneOf('--format', line.own('report-format').at(-1) ?? 'text', formats)
  const config = await configOf(terminal, line)
  const limit = failOn(line, config)
  const options = await optionsOf(terminal, line, config)
  // sizes of data are for inventories, which text has when asked and SARIF never has
  const counts = format === 'text' ? line.own('inventory').length > 0 : format !== 'sarif'
  const wanted = { options, counts, page: format === 'html' }
  if (line.own('list-rules').length > 0) {
    await writeText(terminal, line.value('file'), auditRulesMarkdown([...auditRules, ...(options.rules ?? [])]))
    return exit.good
  }
  const script = scriptOf(line)
  if (script !== undefined) return await writeScript(terminal, line, archives, options, script)
  if (format === 'html' && archives.length > 1) {
    throw new ArchiveError('USAGE', '--format=html makes a page of one archive, must be given one only')
  }
  const reports: (NamedReport & { readonly html?: string })[] = []
  let worst: number = exit.good
  for (const archive of archives) {
    const audited = await auditOne(terminal, { ...line, archive: archive === '-' ? null : archive }, archive, wanted)
    if (audited === undefined) worst = exit.unreadable
    else {
      const { report } = audited
      reports.push({ path: archive === '-' ? 'standard input' : archive, ...audited })
      if (worst === exit.good && reaches(report, limit)) worst = exit.bad
    }
  }
  // nothing is written for a page of an archive that cannot be read
  if (format !== 'html' || reports.length > 0) {
    await writeText(terminal, line.value('file'), render(terminal, line, format, reports))
  }
  return worst
}

type Script = 'roles-sql' | 'post-restore'

/** Which script is asked for instead of a report. */
function scriptOf(line: CommandLine): Script | undefined {
  const asked = (['roles-sql', 'post-restore'] as const).filter((name) => line.own(name).length > 0)
  if (asked.length < 2) return asked[0]
  throw new ArchiveError('USAGE', '--roles-sql and --post-restore are two scripts: ask for one at a time')
}

async function writeScript(
  terminal: Terminal,
  line: CommandLine,
  archives: readonly string[],
  { target }: AuditOptions,
  script: Script,
): Promise<number> {
  const [name, ...others] = archives
  if (name === undefined || others.length > 0) throw new ArchiveError('USAGE', `--${script} takes one archive`)
  const one = { ...line, archive: name === '-' ? null : name }
  const text = await unlessUnreadable(terminal, name, () => scriptFor(terminal, one, target, script))
  if (text === undefined) return exit.unreadable
  await writeText(terminal, line.value('file'), text)
  return exit.good
}

async function scriptFor(
  terminal: Terminal,
  line: CommandLine,
  target: AuditOptions['target'],
  script: Script,
): Promise<string> {
  await using archive = await openArchive(terminal, line, { format: line.own('input-format').at(-1) })
  await refuseArchive(line.value('file'), line.archive, archive)
  if (script === 'roles-sql') {
    const memberships = target !== undefined && !target.superuser
    return rolesSql(archive, { memberships })
  }
  const data = line.own('data').length > 0 ? await auditData(archive, dataOptions(terminal, line)) : undefined
  return postRestoreSql(archive, data === undefined ? {} : { data })
}

function dataOptions(terminal: Terminal, line: CommandLine): AuditDataOptions {
  const memory = line.own('key-memory').at(-1)
  return { signal: terminal.signal, ...(memory === undefined ? {} : { memory: parseBytes('--key-memory', memory) }) }
}

async function auditOne(
  terminal: Terminal,
  line: CommandLine,
  name: string,
  { options, counts, page }: { readonly options: AuditOptions; readonly counts: boolean; readonly page: boolean },
): Promise<{ readonly report: AuditReport; readonly html?: string } | undefined> {
  return await unlessUnreadable(terminal, name, async () => {
    await using archive = await openArchive(terminal, line, { format: line.own('input-format').at(-1) })
    await refuseArchive(line.value('file'), line.archive, archive)
    const sizes = counts ? { storedBytes: (await archive.storedSizes({ signal: terminal.signal })).dataBytes } : {}
    const data = line.own('data').length > 0 ? { data: await auditData(archive, dataOptions(terminal, line)) } : {}
    if (data.data !== undefined && archive.toc.length > MANY_ENTRIES) collectGarbage()
    const report = await auditArchive(archive, { ...options, ...sizes, ...data })
    return page ? { report, html: await auditHtml(archive, report, { title: name }) } : { report }
  })
}

/**
 * Whatever goes wrong with one archive costs nothing but what was asked of it: the reports of others are written.
 * @returns undefined for an archive that cannot be read or not be audited, which has been told
 */
async function unlessUnreadable<T>(terminal: Terminal, name: string, work: () => Promise<T>): Promise<T | undefined> {
  try {
    return await work()
  } catch (error) {
    // what is wrong with the command line or the configuration is so with every archive
    const isOfAll = isArchiveError(error) && (error.code === 'USAGE' || error.code === 'BAD_CONFIG')
    if (isOfAll || terminal.signal.aborted) throw error
    complain(terminal, `${name}: ${messageOf(error)}`, hintOf(error))
    return undefined
  }
}

function* render(
  terminal: Terminal,
  line: CommandLine,
  format: Format,
  reports: readonly (NamedReport & { readonly html?: string })[],
): Generator<string> {
  const all = line.own('all').length > 0
  switch (format) {
    case 'text': {
      const onScreen = [undefined, '-'].includes(line.value('file')) && terminal.stdout.isTTY
      const { NO_COLOR: noColour = '', TERM: term } = terminal.env
      const colour = onScreen && noColour === '' && term !== 'dumb'
      let separator = ''
      for (const { path, report } of reports) {
        yield separator
        yield* auditText(path, report, { colour, all, inventory: line.own('inventory').length > 0 })
        separator = '\n'
      }
      break
    }
    case 'json':
      yield* asJson(reports)
      break
    case 'ndjson':
      for (const { path, report } of reports) {
        const { findings, suppressed, rules: _, ...rest } = report
        for (const finding of findings) yield `${jsonText({ path, ...finding })}\n`
        for (const one of suppressed) {
          const { finding, by, reason } = one
          yield `${jsonText({ path, ...finding, suppressed: { by, reason: reason ?? null } })}\n`
        }
        yield `${jsonText({ path, summary: rest })}\n`
      }
      break
    case 'sarif':
      yield `${jsonText(auditSarif(reports), 1)}\n`
      break
    case 'markdown':
      yield auditMarkdown(reports, { all })
      break
    case 'html':
      for (const { html = '' } of reports) yield html
      break
    default:
      format satisfies never
  }
}

/** One document, a finding a line. */
function* asJson(reports: readonly NamedReport[]): Generator<string> {
  yield `{"audit":1,"tool":${jsonText(`pgdmp ${packageVersion}`)},"reports":[`
  let between = ''
  for (const { path, report } of reports) {
    const { findings, suppressed, ...rest } = report
    yield `${between}\n{"path":${jsonText(path)},\n"findings":[`
    yield* lines(findings)
    yield '],\n"suppressed":['
    yield* lines(suppressed)
    yield `],\n${jsonText(rest).slice(1)}`
    between = ','
  }
  yield '\n]}\n'
}

function* lines(items: readonly object[]): Generator<string> {
  let between = '\n'
  for (const item of items) {
    yield `${between}${jsonText(item)}`
    between = ',\n'
  }
}

async function configOf(
  terminal: Terminal,
  line: CommandLine,
): Promise<AuditConfig & { readonly file: string | null }> {
  const given = line.own('config').at(-1)
  const none = line.own('no-config').length > 0
  if (given === undefined && (none || !existsSync(CONFIG_FILE))) return { ...parseAuditConfig('{}'), file: null }
  const file = given ?? CONFIG_FILE
  const text = new TextDecoder().decode(await readText(terminal, 'configuration', file))
  // nobody asked for it: say that it counts
  if (given === undefined) complain(terminal, `note: ${file} of this folder counts`, 'Use --no-config to do without')
  return { ...parseAuditConfig(text, file), file }
}

function failOn(line: CommandLine, config: AuditConfig): AuditSeverity | 'never' {
  const given = line.own('fail-on').at(-1)
  if (given === undefined) return config.failOn ?? 'error'
  return oneOf('--fail-on', given, [...auditSeverities, 'never'])
}

function reaches({ counts }: AuditReport, limit: AuditSeverity | 'never'): boolean {
  if (limit === 'never') return false
  return auditSeverities.slice(0, auditSeverities.indexOf(limit) + 1).some((severity) => counts[severity] > 0)
}

async function optionsOf(
  terminal: Terminal,
  line: CommandLine,
  config: AuditConfig & { readonly file: string | null },
): Promise<AuditOptions> {
  const folder = config.file === null || config.file === '-' ? '.' : dirname(config.file)
  const modules = new Set([
    ...config.modules.map((path) => resolve(folder, path)),
    ...line.own('rules').map((path) => resolve(path)),
  ])
  const rules: AuditRule[] = []
  for (const path of modules) rules.push(...(await rulesOf(path)))
  const settings: Record<string, RuleSetting> = { ...config.rules }
  const given = line.own('rule').map(settingOf)
  // what is said here of a category counts before what the file says of its rules
  for (const { id, category } of [...auditRules, ...rules]) {
    if (given.some((setting) => category in setting)) delete settings[id]
  }
  Object.assign(settings, ...given)
  const target = line.own('target').at(-1) ?? config.target
  const baselineFile = line.own('baseline').at(-1)
  const baseline =
    baselineFile === undefined
      ? []
      : parseAuditBaseline(new TextDecoder().decode(await readText(terminal, 'baseline', baselineFile)), baselineFile)
  return {
    rules,
    settings,
    suppressions: config.ignore,
    inline: config.inline || line.own('inline').length > 0,
    baseline,
    ...(target === undefined ? {} : { target: targetProfile(target) }),
    signal: terminal.signal,
  }
}

/** `NAME=off|on|SEVERITY`; `audit` says whether there is such a rule. */
function settingOf(text: string): Record<string, RuleSetting> {
  const at = text.lastIndexOf('=')
  if (at <= 0) {
    throw new ArchiveError('USAGE', `--rule: "${text}" is not NAME=SETTING`, {
      hint: 'Write for example --rule hygiene=off or --rule table-without-primary-key=error',
    })
  }
  return { [text.slice(0, at)]: oneOf('--rule', text.slice(at + 1), ['off', 'on', ...auditSeverities]) }
}

/** Loads rules that somebody wrote: the array `rules` of a module. */
async function rulesOf(path: string): Promise<readonly AuditRule[]> {
  let module: unknown
  try {
    module = await import(pathToFileURL(path).href)
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error)
    throw new ArchiveError('USAGE', `Cannot load rules from "${path}": ${why}`, { cause: error })
  }
  const rules = typeof module === 'object' && module !== null && 'rules' in module ? module.rules : undefined
  if (Array.isArray(rules) && rules.every((rule) => typeof rule === 'object' && rule !== null)) return rules
  throw new ArchiveError('USAGE', `Cannot load rules from "${path}": it exports no array "rules" of rules`, {
    hint: 'Write export const rules = [ … ], as in examples/audit-rules.mjs',
  })
}

function oneOf<T extends string>(option: string, given: string, values: readonly T[]): T {
  const found = values.find((value) => value === given)
  if (found !== undefined) return found
  throw new ArchiveError('USAGE', `${option}: "${given}" is none of ${values.join(', ')}`)
}
