// @ts-check
// One table out of an archive with all that it needs and all that belongs to it, as SQL for an empty database:
// node examples/one-table.mjs ARCHIVE TABLE [OUTPUT]
import { filter, open, toSql } from 'pgdmp'

const [input, table, output = '/dev/stdout'] = process.argv.slice(2)
if (input === undefined || table === undefined) throw new Error('usage: one-table.mjs ARCHIVE TABLE [OUTPUT]')

const archive = await open(input)
try {
  const selection = filter(
    archive,
    { tables: [table], withDependencies: true, withDependents: true, noPrivileges: true, strictNames: true },
    { onWarning: ({ message }) => console.error(message) },
  )
  await toSql(selection, { noOwner: true }).pipeTo(output)
} finally {
  await archive.close()
}
