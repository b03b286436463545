// @ts-check
// Whole processes, side by side: A B A B …, after one warm-up each; the operating system's own figures (GNU time).
import { spawnSync } from 'node:child_process'
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'

/**
 * @typedef {{ wall: number, cpu: number, peakMiB: number }} Run seconds, seconds, mebibytes
 * @typedef {{ command: readonly string[], stdin?: string, env?: Record<string, string>, fresh?: string, stdout?: string, before?: () => void }} Job
 * `stdin`, `stdout`: paths of files; `fresh`: what the command will make, removed before, so that nobody is timed freeing the pages
 * of an older file; `before`: what is done first, and not measured
 */

// Node.js 20 reads the certificates that this names at its start, whether it needs them or not: 45 ms.
const { NODE_EXTRA_CA_CERTS: _, ...environment } = process.env

/**
 * One run. Standard output goes to /dev/null unless the command writes a file itself.
 * @param {Job} job
 * @returns {Run}
 */
export function runOnce(job) {
  if (job.fresh !== undefined) rmSync(job.fresh, { recursive: true, force: true })
  job.before?.()
  const scratch = mkdtempSync(path.join(tmpdir(), 'pgdmp-bench-'))
  const report = path.join(scratch, 'time')
  const input = job.stdin === undefined ? 'ignore' : openSync(job.stdin, 'r')
  const output = openSync(job.stdout ?? '/dev/null', 'w')
  try {
    const result = spawnSync('/usr/bin/time', ['-o', report, '-f', '%e %U %S %M', ...job.command], {
      stdio: [input, output, 'inherit'],
      env: { ...environment, ...job.env },
    })
    if (result.error !== undefined) throw result.error
    if (result.status !== 0) throw new Error(`${job.command.join(' ')} ended with status ${String(result.status)}`)
    const [wall = 0, user = 0, system = 0, kib = 0] = readFileSync(report, 'utf8').trim().split(' ').map(Number)
    return { wall, cpu: user + system, peakMiB: kib / 1024 }
  } finally {
    if (typeof input === 'number') closeSync(input)
    closeSync(output)
    rmSync(scratch, { recursive: true, force: true })
  }
}

/**
 * Runs both in turn.
 * @param {Job} ours
 * @param {Job} theirs
 * @param {number} runs
 */
export function compare(ours, theirs, runs) {
  runOnce(ours)
  runOnce(theirs)
  const pairs = Array.from({ length: runs }, () => ({ ours: runOnce(ours), theirs: runOnce(theirs) }))
  const speed = pairs.map((pair) => pair.theirs.wall / pair.ours.wall)
  return {
    ours: medians(pairs.map((pair) => pair.ours)),
    theirs: medians(pairs.map((pair) => pair.theirs)),
    /** Times as fast as the other: above 1 we win. */
    speed: { median: median(speed), min: Math.min(...speed), max: Math.max(...speed) },
  }
}

/**
 * @param {readonly Run[]} runs
 * @returns {Run}
 */
function medians(runs) {
  return {
    wall: median(runs.map((run) => run.wall)),
    cpu: median(runs.map((run) => run.cpu)),
    peakMiB: Math.max(...runs.map((run) => run.peakMiB)),
  }
}

/** @param {readonly number[]} values */
function median(values) {
  const sorted = [...values].sort((a, b) => a - b)
  const middle = Math.floor(sorted.length / 2)
  const upper = sorted[middle] ?? Number.NaN
  return sorted.length % 2 === 1 ? upper : (upper + (sorted[middle - 1] ?? upper)) / 2
}
