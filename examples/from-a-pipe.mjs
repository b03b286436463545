// @ts-check
// Counts the rows of every table of an archive that comes through a pipe: pg_dump -Fc db | node examples/from-a-pipe.mjs
import { open } from 'pgdmp'

const archive = await open(process.stdin)
for await (const block of archive.blocks()) {
  if (block.kind !== 'data' || block.entry === undefined) continue
  let lines = 0
  for await (const chunk of block.data) {
    for (let at = chunk.indexOf(10); at !== -1; at = chunk.indexOf(10, at + 1)) lines++
  }
  // COPY data ends with the line "\." and two empty lines
  console.log(`${block.entry.namespace}.${block.entry.tag}\t${lines - 3}`)
}
await archive.close()
