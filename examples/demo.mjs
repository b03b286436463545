// @ts-check
// `npm run demo`: lists a real archive of the test suite, prints the SQL of one table, and says what to try next.
import { filter, list, open, toSql } from 'pgdmp'

const file = process.argv[2] ?? 'test/fixtures/corpus/18/latin1-Fc.dump'
const archive = await open(file)
const { header, toc } = archive
console.log(`${file}: database ${header.dbname}, ${toc.length} entries, dumped by pg_dump ${header.dumpVersion}\n`)

console.log('Its table of contents, as pg_restore -l prints it:\n')
console.log(list(archive))

const data = toc.find((entry) => entry.desc === 'TABLE DATA' && entry.tag !== null)
if (data?.tag != null) {
  console.log(`The SQL of table ${data.tag}:\n`)
  const table = filter(archive, { tables: [data.tag] })
  console.log(
    new TextDecoder(archive.settings.encoding === 'UTF8' ? 'utf-8' : 'latin1').decode(await toSql(table).bytes()),
  )
}
await archive.close()

console.log(`Try next, with an archive of your own:
  node dist/cli/main.js info  your.dump          what it holds, and what a restore needs
  node dist/cli/main.js list  your.dump --json   the same for programs
  node dist/cli/main.js sql   your.dump -t NAME  one table as SQL
  node dist/cli/main.js --help`)
