// Restores an archive into a database with node-postgres, in two sessions: looks first, and counts the rows afterwards.
//
//   node examples/restore-with-pg.mjs nightly.dump postgres://localhost/empty
//
// Needs npm install pg pg-copy-streams, and no program of PostgreSQL's.
import { checkTarget, countRows, finish, open, restore } from 'pgdmp'
import { connectPg } from 'pgdmp/pg'

const [file = '', to = ''] = process.argv.slice(2)
const archive = await open(file)
const target = await connectPg(to)
try {
  const [[release]] = await target.rows('SELECT current_setting($$server_version_num$$)::int / 10000')
  // what that release of the server understands, whichever it was dumped from
  const options = { noOwner: true, noPrivileges: true, noTablespaces: true, jobs: 2, targetVersion: release }
  const { findings } = await checkTarget(archive, target, options)
  for (const { what, names, hint } of findings) console.log(what, names.slice(0, 3), hint ?? '')

  const counted = countRows(archive)
  const { failed, groups } = await restore(counted.view, target, options)
  for (const { count, cause, messages } of groups) console.log(count, cause, messages[0])

  const { good, analyzed, rows } = await finish(counted.view, target, { rows: counted.rows })
  for (const { table, expected, found } of rows) console.log(`${table}: ${found} rows, must be ${expected}`)
  console.log(`${failed} statements refused, ${analyzed} tables analyzed`)
  process.exitCode = failed === 0 && good ? 0 : 1
} finally {
  await target.end()
  await archive.close()
}
