import { formatNumber } from '../index.ts'
import type { Archive, ArchiveDigest } from '../index.ts'
import { parseCommandLine, type CommandSyntax } from './command-line.ts'
import { digestOf } from './digest-of.ts'
import { infoHelp } from './help.ts'
import { openArchive, openOptions } from './input.ts'
import { formatBytes, printable, table } from './layout.ts'
import { writeText } from './output.ts'
import {
  archiveFacts,
  contentsOf,
  dateText,
  oldestPgRestore,
  versionText,
  type Contents,
  type StoredData,
} from './summary.ts'
import { exit, type Terminal } from './terminal.ts'
import { jsonText } from './json-text.ts'

const syntax: CommandSyntax = {
  name: 'info',
  own: [...openOptions.own, 'json', 'all', 'digest'],
  restore: openOptions.restore,
}

/** `pgdmp info`: what an archive is, what is in it, and what it needs. */
export async function info(terminal: Terminal, args: readonly string[]): Promise<number> {
  const line = await parseCommandLine(terminal, syntax, args)
  if (line === null) {
    await writeText(terminal, undefined, infoHelp)
    return exit.good
  }
  await using archive = await openArchive(terminal, line)
  const { archiveBytes, dataBytes } = await archive.storedSizes({ signal: terminal.signal })
  const contents = contentsOf(archive, dataBytes)
  const all = line.own('all').length > 0
  const content = line.own('digest').length > 0 ? await digestOf(terminal, archive) : undefined
  const origin = { path: line.archive, archiveBytes, content }
  const text = line.own('json').length > 0 ? asJson(archive, contents, origin) : asText(archive, contents, origin, all)
  await writeText(terminal, undefined, text)
  return exit.good
}

/** Where an archive came from. */
interface Origin {
  /** Null for standard input. */
  readonly path: string | null
  /** Undefined where it can be read only once. */
  readonly archiveBytes: number | undefined
  /** Of what is in it; undefined when nobody asked. */
  readonly content: ArchiveDigest | undefined
}

function asJson(archive: Archive, contents: Contents, origin: Origin): string {
  const { data, ...rest } = contents
  const archiveBytes = origin.archiveBytes ?? null
  const needsPgRestore = oldestPgRestore(archive.header.version)
  const digests = origin.content === undefined ? {} : { digest: origin.content }
  const facts = { ...archiveFacts(archive), archiveBytes, needsPgRestore, ...digests, ...rest, tables: data }
  return `${jsonText(facts, 2)}\n`
}

function asText(archive: Archive, contents: Contents, origin: Origin, all: boolean): string {
  const sections = [
    aboutArchive(archive, origin),
    aboutContents(contents),
    typesTable(contents),
    dataTable(contents.data, all),
  ]
  return sections.filter((section) => section !== '').join('\n')
}

function factLines(rows: readonly (readonly [string, string])[]): string {
  const width = Math.max(...rows.map(([title]) => title.length)) + 2
  return rows.map(([title, text]) => `${title.padEnd(width)}${printable(text)}\n`).join('')
}

function aboutArchive(archive: Archive, { path, archiveBytes, content }: Origin): string {
  const { header, settings } = archive
  const { algorithm, level } = header.compression
  const strings = settings.stdStrings ? '' : ', standard_conforming_strings off'
  return factLines([
    ['Archive', path ?? 'standard input'],
    ['Size', archiveBytes === undefined ? 'not known' : formatBytes(archiveBytes)],
    ['Format', `${header.format}, version ${versionText(header.version)}`],
    ['Compression', level === null || level < 1 ? algorithm : `${algorithm}, level ${level}`],
    [
      'Created',
      header.createDate === null ? 'not stored' : `${dateText(header.createDate).replace('T', ' ')}, local time there`,
    ],
    ['Database', header.dbname ?? 'not stored'],
    ['Encoding', `${settings.encoding}${strings}`],
    ['Dumped from', header.remoteVersion === null ? 'not stored' : `PostgreSQL ${header.remoteVersion}`],
    ['Dumped by', header.dumpVersion === null ? 'not stored' : `pg_dump ${header.dumpVersion}`],
    ['Restored by', `pg_restore of PostgreSQL ${oldestPgRestore(header.version)} or newer`],
    ['Entries', formatNumber(archive.storedEntryCount)],
    ...(content === undefined ? [] : [['Digest', content.sha256] as const, ['Of content', content.content] as const]),
  ])
}

function aboutContents(contents: Contents): string {
  const names = (list: readonly string[]) => (list.length === 0 ? 'none' : list.join(', '))
  const rows: (readonly [string, string])[] = [
    ['Roles', names(contents.owners)],
    ['Extensions', names(contents.extensions)],
  ]
  if (contents.tablespaces.length > 0) rows.push(['Tablespaces', names(contents.tablespaces)])
  if (contents.accessMethods.length > 0) rows.push(['Access methods', names(contents.accessMethods)])
  const { largeObjects } = contents
  rows.push(['Large objects', largeObjects === null ? 'some, not counted' : formatNumber(largeObjects)])
  return factLines(rows)
}

function typesTable({ entryTypes }: Contents): string {
  const rows = entryTypes.map(({ desc, count }) => [formatNumber(count), printable(desc)])
  return table([{ title: 'Count', align: 'right' }, { title: 'Type' }], rows)
}

/** Tables shown without `--all`. */
const SHOWN = 15

function dataTable(data: readonly StoredData[], all: boolean): string {
  if (data.length === 0) return ''
  const known = data.filter(({ storedBytes }) => storedBytes !== null)
  const total = known.reduce((sum, { storedBytes }) => sum + (storedBytes ?? 0), 0)
  const shown = all ? data : data.slice(0, known.length === 0 ? 0 : SHOWN)
  const rows = shown.map(({ storedBytes, ...entry }) => [
    storedBytes === null ? '?' : formatBytes(storedBytes),
    storedBytes === null || total === 0 ? '' : `${((storedBytes / total) * 100).toFixed(1)} %`,
    dataName(entry),
  ])
  const hidden = data.length - shown.length
  const more = hidden === 0 ? '' : `… and ${formatNumber(hidden)} more: --all shows them\n`
  if (known.length === 0) {
    const why = 'how much each takes cannot be told of a stream: open a file, or use --spool'
    rows.unshift(['?', '', `${formatNumber(data.length)} entries; ${why}`])
  }
  const columns = [
    { title: 'Stored', align: 'right' },
    { title: 'Part', align: 'right' },
    { title: 'Data of' },
  ] as const
  return `${table(columns, rows)}${known.length === 0 ? '' : more}`
}

function dataName({ desc, namespace, name }: Omit<StoredData, 'storedBytes'>): string {
  if (desc === 'BLOBS') return 'large objects'
  const qualified = namespace === null || namespace === '' ? (name ?? '') : `${namespace}.${name ?? ''}`
  return printable(desc === 'TABLE DATA' ? qualified : `${qualified} (${desc})`)
}
