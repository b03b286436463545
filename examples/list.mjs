// @ts-check
// The table of contents of an archive, as pg_restore -l prints it, and how many entries of each type there are:
// node examples/list.mjs ARCHIVE
import { list, open } from 'pgdmp'

const archive = await open(process.argv[2] ?? '-')
/** @type {Map<string, number>} */
const count = new Map()
for (const { desc } of archive.toc) count.set(desc, (count.get(desc) ?? 0) + 1)
console.log(list(archive))
await archive.close()
for (const [desc, entries] of [...count].sort(([, a], [, b]) => b - a)) console.log(`${entries}\t${desc}`)
