// Copies a database to another server with one column masked: its values never get there. Equal values stay equal.
//   node examples/mask-a-column.mjs postgres://prod/app postgres://localhost/app public.customers email  (needs pg_dump, pg, pg-copy-streams)
import { spawn } from 'node:child_process'
import { createHmac, randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { open, restore } from 'pgdmp'
import { connectPg } from 'pgdmp/pg'

const [source = '', to = '', table = '', column = ''] = process.argv.slice(2)
const pg = await connectPg(to)
const pgDump = spawn('pg_dump', ['-Fc', '-Z0', '-d', source], { stdio: ['ignore', 'pipe', 'inherit'] })
const [archive, ended] = [await open(pgDump.stdout), once(pgDump, 'close')]
const data = archive.toc.find(({ desc, namespace, tag }) => desc === 'TABLE DATA' && `${namespace}.${tag}` === table)
const listed = /\((.*)\) FROM stdin/.exec(data?.copyStmt ?? '')?.[1]?.split(', ') ?? []
const columns = listed.map((name) => name.replace(/^"(.*)"$/, '$1').replaceAll('""', '"'))
const key = randomBytes(32) // without it nobody can try out what a value was
function masked(row) {
  const fields = row.split('\t')
  const value = fields[columns.indexOf(column)]
  if (row === '\\.' || value === undefined || value === '\\N') return row
  return fields.with(columns.indexOf(column), createHmac('sha256', key).update(value).digest('hex')).join('\t')
}
async function copyFrom(statement) {
  const input = await pg.copyFrom(statement)
  if (!data.raw.bytes('copyStmt').every((byte, at) => byte === statement[at])) return input
  let rest = '' // of a row that has begun; latin1 keeps bytes as they are
  const write = async (chunk) => {
    const rows = (rest + Buffer.from(chunk).toString('latin1')).split('\n')
    rest = rows.pop()
    await input.write(Buffer.from(rows.map((row) => `${masked(row)}\n`).join(''), 'latin1'))
  }
  return { write, end: () => input.end(), abort: (reason) => input.abort(reason) }
}
if (!columns.includes(column)) throw new Error(`There is no column ${column} of a table ${table} with data`)
const [[targetVersion]] = await pg.rows('SELECT current_setting($$server_version_num$$)::int / 10000')
const { failed } = await restore(archive, { query: (sql) => pg.query(sql), copyFrom }, { targetVersion })
const [status] = await ended // a source that failed leaves a target that looks whole
console.log(`${failed} statements refused, pg_dump ended with status ${status}`)
process.exit(failed === 0 && status === 0 ? 0 : 1)
