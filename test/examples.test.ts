import { readFileSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { fixture } from './helpers/corpus.ts'
import { root } from './helpers/paths.ts'
import { run } from './helpers/process.ts'

const folder = join(root, 'examples')
const latin1 = fixture('18/latin1-Fc.dump').file
const full = fixture('18/full-Fc.dump').file

/** What each example is run with, and what it must print. */
const examples: Readonly<
  Record<string, { readonly args: readonly string[]; readonly stdin?: string; readonly prints: RegExp }>
> = {
  'demo.mjs': { args: [latin1], prints: /TABLE DATA Größe Straße postgres[^]*COPY "Größe"\."Straße"[^]*Try next/ },
  'from-a-pipe.mjs': { args: [], stdin: latin1, prints: /^Größe\.Straße\t3\n$/ },
  'large-objects.mjs': { args: [full], prints: /^100001\t1200000\n100002\t0\n/ },
  'one-table.mjs': { args: [latin1, 'Straße'], prints: /COPY [^]*\n3\t/ },
  'who-owns-what.mjs': { args: [latin1], prints: /^postgres\t11 entries\n$/ },
}

test('every example is run', () => {
  expect(readdirSync(folder).sort()).toEqual(Object.keys(examples).sort())
})

describe.each(Object.entries(examples))('%s', (name, { args, stdin, prints }) => {
  test('prints what it says', async () => {
    const input = stdin === undefined ? {} : { stdin: readFileSync(stdin) }
    const outcome = await run(process.execPath, [join(folder, name), ...args], input)
    expect({ status: outcome.status, stderr: outcome.stderr }).toEqual({ status: 0, stderr: '' })
    expect(outcome.stdout.toString()).toMatch(prints)
  })

  test('has no more than 40 lines', () => {
    expect(readFileSync(join(folder, name), 'utf8').split('\n').length).toBeLessThanOrEqual(41)
  })
})
