import { createHash } from 'node:crypto'
import type { TocEntry } from '../../src/index.ts'
import { shipped } from './paths.ts'
import type { Server } from './servers.ts'

/**
 * How servers of different releases print the same thing, and what pg_dump makes of a server older than itself. Nothing
 * here changes what a statement means.
 */
const spellings: readonly (readonly [RegExp, string])[] = [
  // 17.12 and its kin keep a number of their own among a column's options; a pg_dump from before takes it for one.
  [/^ALTER (?:[^";]|"(?:[^"]|"")*")* SET \(pg_attver=\d+\);\n/gm, ''],
  [/pg_attver=\d+, ?|, ?pg_attver=\d+/g, ''],
  // All privileges of a server without MAINTAIN, listed because pg_dump knows of more
  [/\bSELECT,INSERT,REFERENCES,DELETE,TRIGGER,TRUNCATE,UPDATE\b/g, 'ALL'],
  // Arguments of procedures are IN by default, which 14 began to say.
  [/(?<=[(,] ?)IN (?=\w+ \w)/g, ''],
  // Before 18 columns have no named constraints NOT NULL, and a child's are taken for the parent's.
  [/^ {4}(?:CONSTRAINT (?:\w+|"(?:[^"]|"")+") )?NOT NULL (?:\w+|"(?:[^"]|"")+"),?\n/gm, ''],
  [/,\n\)/g, '\n)'],
  [/ CONSTRAINT (?:\w+|"(?:[^"]|"")+") NOT NULL/g, ''],
  [/ NOT NULL(?=,?\n)/g, ''],
  // Before 16 subscriptions have no choice.
  [/, run_as_owner = true/g, ''],
  // Before 12 servers print what 10 must be told.
  [/ EXECUTE PROCEDURE /g, ' EXECUTE FUNCTION '],
  // Before 15 no sequence is unlogged.
  [/^ {4}LOGGED\n/gm, ''],
]

const spellAlike = (text: string): string => spellings.reduce((result, [from, to]) => result.replace(from, to), text)

/** What an entry is called wherever it is: without dump id and OID, and without quotes, which pg_dump may be told to set. */
export function entryName(entry: TocEntry): string {
  return spellAlike([entry.desc, entry.namespace ?? '', entry.tag ?? ''].join(' ')).replaceAll('"', '')
}

const identifier = (name: string): string => `"${name.replaceAll('"', '""')}"`
const sha256 = (data: string | Uint8Array): string => createHash('sha256').update(data).digest('hex')

/**
 * All that is in a database: definitions, owners, rows, large objects, and what views and materialized views show (their
 * text depends on the release). `file` is a dump of it.
 */
export async function contentsOf(file: string, server: Server, database: string): Promise<Map<string, string>> {
  const { open } = await shipped()
  await using archive = await open(file)
  const contents = new Map<string, string>()
  for (const entry of archive.toc) {
    const name = entryName(entry)
    const owner = entry.owner ?? ''
    if (entry.desc === 'TABLE DATA') {
      const rows = await archive.data(entry).bytes({ maxBytes: Infinity })
      contents.set(name, `${entry.copyStmt} ${sha256(rows)}`)
    } else if (entry.desc === 'BLOBS') {
      for await (const { oid, data } of archive.largeObjects(entry)) {
        contents.set(`LARGE OBJECT ${oid}`, sha256(await data.bytes({ maxBytes: Infinity })))
      }
    } else if (entry.desc === 'VIEW' || entry.desc === 'MATERIALIZED VIEW') {
      const query = `SELECT * FROM ${identifier(entry.namespace ?? '')}.${identifier(entry.tag ?? '')}`
      const populated = entry.desc === 'VIEW' || !isUnpopulated(archive.toc, entry)
      const rows = populated
        ? server
            .ask([`COPY (${query}) TO STDOUT`], database)
            .split('\n')
            .sort()
            .join('\n')
        : ''
      contents.set(name, `${owner} ${sha256(rows)}`)
    } else if (entry.desc !== 'DATABASE') {
      // Several may have one name, such as the default privileges of several owners.
      const definition = `${owner} ${spellAlike(entry.defn ?? '')}`
      contents.set(name, [...(contents.get(name)?.split('\0') ?? []), definition].sort().join('\0'))
    }
  }
  return contents
}

/** Nothing refreshes a materialized view that had no rows when it was dumped. */
function isUnpopulated(toc: readonly TocEntry[], view: TocEntry): boolean {
  return !toc.some(({ desc, dependencies }) => desc === 'MATERIALIZED VIEW DATA' && dependencies.includes(view.dumpId))
}
