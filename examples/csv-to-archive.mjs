// @ts-check
// A CSV file (comma, double quotes, names in the first line) as an archive that pg_restore restores:
// node examples/csv-to-archive.mjs CSV TABLE ARCHIVE
import { readFile } from 'node:fs/promises'
import { create } from 'pgdmp'

const [input, table, output] = process.argv.slice(2)
if (input === undefined || table === undefined || output === undefined) {
  throw new Error('usage: csv-to-archive.mjs CSV TABLE ARCHIVE')
}

/** The lines of a CSV file; a field that is empty and not quoted is NULL. @param {string} text */
function* records(text) {
  /** @type {(string | null)[]} */
  let record = []
  for (const [, quoted, plain, end] of text.matchAll(/(?:"((?:[^"]|"")*)"|([^",\r\n]*))(,|\r?\n|$)/g)) {
    if (end === '' && record.length === 0 && quoted === undefined && plain === '') return
    record.push(quoted?.replaceAll('""', '"') ?? (plain || null))
    if (end === ',') continue
    yield record
    record = []
  }
}

/** @param {string} name */
const quote = (name) => `"${name.replaceAll('"', '""')}"`

const rows = records(await readFile(input, 'utf8'))
const columns = (rows.next().value ?? []).map((name) => name ?? '?')
const archive = await create(output)
const place = { tag: table, namespace: 'public' }
const fields = columns.map((name) => `    ${quote(name)} text`).join(',\n')
const defn = `CREATE TABLE public.${quote(table)} (\n${fields}\n);\n`
const made = archive.addEntry({ ...place, desc: 'TABLE', defn, dropStmt: `DROP TABLE public.${quote(table)};\n` })
archive.addEntry({ ...place, desc: 'TABLE DATA', columns, data: rows, dependencies: [made] })
await archive.finish()
console.log(`${output}: restore it with pg_restore -d DATABASE ${output}`)
