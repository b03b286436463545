// @ts-check
// The roles that a restore will need, before it fails on one: node examples/who-owns-what.mjs ARCHIVE
import { open } from 'pgdmp'

const archive = await open(process.argv[2] ?? '-')
/** @type {Map<string, number>} */
const owned = new Map()
for (const { owner } of archive.toc) {
  if (owner !== null && owner !== '') owned.set(owner, (owned.get(owner) ?? 0) + 1)
}
await archive.close()
for (const [role, count] of [...owned].sort(([a], [b]) => (a < b ? -1 : 1))) console.log(`${role}\t${count} entries`)
