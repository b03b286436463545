// Copies a database to another server, as it is dumped: without the rows of some tables, with other owners.
//
//   node examples/server-to-server.mjs SOURCE TARGET PATTERN OLD=NEW...
//   node examples/server-to-server.mjs postgres://prod/app postgres://localhost/app 'secret_*' alice=me
//
// Needs pg_dump, and npm install pg pg-copy-streams. The command does the same: pgdmp copy --help
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { filter, open, parseNamePairs, restore, rewriteOwner } from 'pgdmp'
import { connectPg } from 'pgdmp/pg'

const [source = '', to = '', pattern = '', ...pairs] = process.argv.slice(2)
const target = await connectPg(to)
const pgDump = spawn('pg_dump', ['-Fc', '-Z0', '-d', source], { stdio: ['ignore', 'pipe', 'inherit'] })
const ended = once(pgDump, 'close')
try {
  const archive = await open(pgDump.stdout) // never more of it in memory than a few buffers
  const masked = filter(archive, { match: 'pattern', excludeTableData: [pattern] })
  const [[release]] = await target.rows('SELECT current_setting($$server_version_num$$)::int / 10000')
  const renamed = rewriteOwner(masked, parseNamePairs(pairs))
  const { failed, groups, bytes } = await restore(renamed, target, { targetVersion: release })
  for (const { count, cause, hint } of groups) console.log(count, cause, hint ?? '')
  await archive.close()
  const [status] = await ended
  // a source that failed leaves a target that looks whole
  if (status !== 0) throw new Error(`pg_dump ended with status ${status}: the target is incomplete`)
  console.log(`${bytes} bytes of data, ${failed} statements refused`)
  process.exitCode = failed === 0 ? 0 : 1
} finally {
  pgDump.kill()
  await target.end()
}
