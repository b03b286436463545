#!/usr/bin/env node
// @ts-check
// In-process cases: `node bench/micro.mjs ARCHIVE` (a custom archive with a large TOC, see make-archives.sh).
import { Bench } from 'tinybench'
import { filter, list, listBytes, open, toSql } from '../dist/index.js'

const file = process.argv[2]
if (file === undefined) throw new Error('usage: node bench/micro.mjs ARCHIVE')
const archive = await open(file)
const bench = new Bench({ time: 2000, warmupTime: 500 })
bench
  .add('open: header and TOC', async () => (await open(file)).close())
  .add('filter by schema', () => filter(archive, { schemas: ['public'] }))
  .add('listBytes: the bytes of pg_restore -l', () => listBytes(archive))
  .add('list: the same as text', () => list(archive))
  .add('toSql of the schema', async () => toSql(filter(archive, { schemaOnly: true })).pipeTo('/dev/null'))
await bench.run()
console.log(`${file}: ${archive.toc.length} entries`)
console.table(bench.table())
await archive.close()
