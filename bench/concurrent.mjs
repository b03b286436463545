#!/usr/bin/env node
// @ts-check
// Opens and reads 100 archives at a time in one process, again and again, and fails unless memory stays flat and every
// file, thread and timer is gone at the end. Needs --expose-gc. `concurrent.mjs [ROUNDS]`
import { readdirSync, readlinkSync } from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { digest, list, open, toSql } from '../dist/index.js'

const rounds = Number(process.argv[2] ?? 30)
const fixtures = fileURLToPath(new URL('../test/fixtures/corpus', import.meta.url))
const names = readdirSync(fixtures, { recursive: true, encoding: 'utf8' })
  .filter((name) => /\.(?:dump|dir|tar)$/.test(name))
  .sort()
const paths = Array.from({ length: 100 }, (_, index) => path.join(fixtures, names[index % names.length] ?? ''))

/** @param {string} file @param {number} index */
async function read(file, index) {
  const archive = await open(file)
  try {
    list(archive)
    if (index % 3 === 0) await digest(archive)
    else for await (const chunk of toSql(archive)) if (chunk.length === 0 || index % 3 === 1) break
  } finally {
    await archive.close()
  }
}

/** Files by their names, number of threads, and what else keeps a process alive. */
function handles() {
  const files = readdirSync('/proc/self/fd').flatMap((name) => {
    try {
      const target = readlinkSync(`/proc/self/fd/${name}`)
      return target.startsWith(fixtures) ? [target] : []
    } catch {
      return [] // the descriptor of the listing itself
    }
  })
  const resources = process
    .getActiveResourcesInfo()
    .filter((kind) => !/^(?:TTYWrap|PipeWrap|FSReqCallback)$/.test(kind))
  return { files, threads: readdirSync('/proc/self/task').length, resources }
}

/** Memory after a collection, MiB. Memory outside of the heap is given back a little later. */
async function memory() {
  globalThis.gc?.()
  await new Promise((resolve) => setTimeout(resolve, 50))
  globalThis.gc?.()
  const { rss, heapUsed, external } = process.memoryUsage()
  return { rss: rss / 2 ** 20, live: (heapUsed + external) / 2 ** 20 }
}

/** Threads of Node.js itself come with the first work. */
let before = handles()
const live = []
for (let round = 1; round <= rounds; round++) {
  await Promise.all(paths.map(read))
  const { rss, live: now } = await memory()
  live.push(now)
  if (round === 1) before = { ...handles(), files: [] }
  if (round === 1 || round % 10 === 0)
    console.error(`round ${round}: ${now.toFixed(1)} MiB live, ${rss.toFixed(0)} MiB resident`)
}
await new Promise((resolve) => setTimeout(resolve, 1500))
const after = handles()
console.error(
  `files left: ${after.files.length}; threads: ${before.threads}, then ${after.threads}; resources: ${after.resources.join(' ') || 'none'}`,
)
const half = live.slice(live.length >> 1)
const [first = 0, last = 0] = [half[0], half.at(-1)]
if (last > first * 1.1 + 2)
  throw new Error(`Memory grows: ${first.toFixed(1)} MiB after half of the rounds, ${last.toFixed(1)} at the end`)
if (after.files.length > 0 || after.threads > before.threads || after.resources.length > 0)
  throw new Error('Handles are left')
