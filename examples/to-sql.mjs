// @ts-check
// An archive as the SQL that pg_restore -f prints; the output appears when it is whole:
// node examples/to-sql.mjs ARCHIVE [OUTPUT]
import { open, toSql } from 'pgdmp'

const [input = '-', output = '/dev/stdout'] = process.argv.slice(2)
const archive = await open(input)
try {
  await toSql(archive, { noOwner: true, clean: true, ifExists: true }).pipeTo(output)
} finally {
  await archive.close()
}
