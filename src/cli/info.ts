import { parseCommandLine, type CommandSyntax } from './command-line.ts'
import { infoHelp } from './help.ts'
import { openArchive, openOptions } from './input.ts'
import { formatBytes, formatCount, printable, table } from './layout.ts'
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
import type { Archive } from '../index.ts'

const syntax: CommandSyntax = { name: 'info', own: [...openOptions.own, 'json', 'all'], restore: openOptions.restore }

/** `pgdmp info`: what an archive is, what is in it, and what it needs. */
export async function info(terminal: Terminal, args: readonly string[]): Promise<number> {
  const line = await parseCommandLine(terminal, syntax, args)
  if (line === null) {
    await writeText(terminal, undefined, infoHelp)
    return exit.good
  }
  await using archive = await openArchive(terminal, line)
  const contents = contentsOf(archive)
  const all = line.own('all').length > 0
  const text = line.own('json').length > 0 ? asJson(archive, contents) : asText(archive, contents, line.archive, all)
  await writeText(terminal, undefined, text)
  return exit.good
}

function asJson(archive: Archive, contents: Contents): string {
  const { data, ...rest } = contents
  const needsPgRestore = oldestPgRestore(archive.header.version)
  return `${JSON.stringify({ ...archiveFacts(archive), needsPgRestore, ...rest, tables: data }, null, 2)}\n`
}

function asText(archive: Archive, contents: Contents, path: string | null, all: boolean): string {
  const sections = [
    aboutArchive(archive, path),
    aboutContents(contents),
    typesTable(contents),
    dataTable(contents.data, all),
  ]
  return sections.filter((section) => section !== '').join('\n')
}

function facts(rows: readonly (readonly [string, string])[]): string {
  const width = Math.max(...rows.map(([title]) => title.length)) + 2
  return rows.map(([title, text]) => `${title.padEnd(width)}${printable(text)}\n`).join('')
}

function aboutArchive(archive: Archive, path: string | null): string {
  const { header, settings } = archive
  const { algorithm, level } = header.compression
  const strings = settings.stdStrings ? '' : ', standard_conforming_strings off'
  return facts([
    ['Archive', path ?? 'standard input'],
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
    ['Entries', formatCount(archive.storedEntryCount)],
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
  rows.push(['Large objects', largeObjects === null ? 'some, not counted' : formatCount(largeObjects)])
  return facts(rows)
}

function typesTable({ entryTypes }: Contents): string {
  const rows = entryTypes.map(({ desc, count }) => [formatCount(count), printable(desc)])
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
  const more = hidden === 0 ? '' : `… and ${formatCount(hidden)} more: --all shows them\n`
  if (known.length === 0) {
    const why = 'how much each takes is known after reading it all: open a file, or use --spool'
    rows.unshift(['?', '', `${formatCount(data.length)} entries; ${why}`])
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
