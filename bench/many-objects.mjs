#!/usr/bin/env node
// @ts-check
// Writes a custom archive with an entry for each of many large objects, as pg_dump 9.0 to 16 did:
// `many-objects.mjs COUNT FILE`.
import { create } from '../dist/index.js'

const [count = '1000000', file] = process.argv.slice(2)
if (file === undefined) throw new Error('usage: many-objects.mjs COUNT FILE')
const writer = await create(file, { overwrite: 'replace', dbname: 'many' })

function* objects() {
  const data = new TextEncoder().encode('a small object')
  for (let oid = 16_384; oid < 16_384 + Number(count); oid++) yield { oid, data }
}

writer.addLargeObjects(objects(), { owner: 'postgres' })
await writer.finish()
