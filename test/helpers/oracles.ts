import { expect } from 'vitest'
import { basename, dirname } from 'node:path'
import type { Oracle, PlacedArchive } from './corpus.ts'
import { expectedErrors, expectedOutput, toolOf } from './corpus.ts'

/** The folder in which an oracle's command was typed. */
export function folderOf(archive: PlacedArchive): string {
  return dirname(archive.file)
}

/** The command line of an oracle with the archive at its end. */
export function commandLine(archive: PlacedArchive, oracle: Oracle): string[] {
  return [...oracle.args, basename(archive.file)]
}

/** A line of the output whose rest is not the archive's business. */
function maskLine(output: Buffer, start: string, from: number, rest: RegExp, by: string): Buffer {
  const at = output.indexOf(start, from)
  if (at < 0) return output
  const begin = at + start.length
  const found = output.indexOf('\n', begin)
  const end = found < 0 ? output.length : found
  const line = output.toString('latin1', begin, end).replace(rest, by)
  return Buffer.concat([output.subarray(0, begin), Buffer.from(line, 'latin1'), output.subarray(end)])
}

/** Hides what depends on the time of reading and on who built the pg_restore: that alone may differ. */
export function maskReader(output: Buffer, archiveVersion: string): Buffer {
  const completed = '\n-- Completed on '
  // Written last, just before the end of the script
  let masked = maskLine(output, completed, Math.max(0, output.lastIndexOf(completed)), /.*/, 'TIME')
  const minor = Number(archiveVersion.split('.')[1])
  const isList = masked.subarray(0, 30).includes('; Archive created at ')
  if (minor < 4) {
    // No date is stored: what is shown as the archive's is the time of reading.
    masked = maskLine(masked, isList ? '; Archive created at ' : '\n-- Started on ', 0, /.*/, 'TIME')
  }
  if (minor < 10) {
    // No version of pg_dump is stored: the reader shows its own, with the name of its package.
    const start = isList ? '\n;     Dumped by pg_dump version: ' : '\n-- Dumped by pg_dump version '
    masked = maskLine(masked, start, 0, / \(.*\)$/, '')
  }
  return masked
}

/** Fails with the first line that differs; Buffer.equals is much faster than a deep comparison. */
export function expectSameBytes(actual: Buffer, expected: Buffer): void {
  if (actual.equals(expected)) return
  let at = 0
  while (at < actual.length && actual[at] === expected[at]) at += 1
  const line = expected.subarray(0, at).toString('latin1').split('\n').length
  const start = Math.max(0, expected.lastIndexOf(0x0a, at - 1) - 200)
  const around = (bytes: Buffer): string => bytes.subarray(start, at + 300).toString()
  expect(
    around(actual),
    `output differs at byte ${at}, line ${line}; ${actual.length} bytes, not ${expected.length}`,
  ).toBe(around(expected))
  expect.fail(`output differs at byte ${at}, line ${line}`)
}

/** Compares what came out with what the real pg_restore printed. */
export function expectOracle(
  archive: PlacedArchive,
  oracle: Oracle,
  actual: { readonly stdout: Buffer; readonly stderr?: string; readonly status?: number | null },
): void {
  const expected = maskReader(expectedOutput(archive, oracle), archive.archive_version)
  // The status first: with a failure its message explains the rest.
  if (actual.status !== undefined)
    expect([actual.status, actual.stderr]).toEqual([oracle.rc, errorsOf(archive, oracle, actual.stderr)])
  expectSameBytes(maskReader(actual.stdout, archive.archive_version), expected)
}

/** What standard error must be. The corpus does not keep it for -v: then anything goes, as far as it is of that kind. */
function errorsOf(archive: PlacedArchive, oracle: Oracle, actual: string | undefined): string | undefined {
  if (!oracle.args.includes('-v') || actual === undefined) return expectedErrors(archive, oracle)
  return /error|warning/.test(actual) ? '' : actual
}

/** One test for each oracle. */
export function* oraclesOf(archives: readonly PlacedArchive[]): Generator<{
  readonly name: string
  readonly archive: PlacedArchive
  readonly oracle: Oracle
  readonly compat: string
}> {
  for (const archive of archives) {
    for (const oracle of archive.oracles) {
      const compat = toolOf(archive, oracle)
      yield { name: `${archive.path} ${oracle.label} (${compat})`, archive, oracle, compat }
    }
  }
}
