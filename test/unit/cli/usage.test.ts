import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { byteStringOf, parseArguments } from '../../../src/cli/pg-restore-options.ts'
import { compatRules } from '../../../src/sql/compat.ts'

/** What record-usage.mjs has recorded: texts are byte strings, the first one is null: no complaint. */
interface Recorded {
  readonly majors: readonly number[]
  readonly texts: readonly (string | null)[]
  readonly lines: readonly (readonly [args: readonly string[], posixlyCorrect: 0 | 1, answers: readonly number[]])[]
}

const { majors, texts, lines }: Recorded = JSON.parse(
  readFileSync(new URL('../../fixtures/usage.json', import.meta.url), 'utf8'),
)

/** No file that a recorded line names exists, and standard input is empty. */
async function readFilter(name: string): Promise<string | undefined> {
  if (name === '-') return undefined
  return `pg_restore: error: could not open filter file "${name}": No such file or directory\n`
}

describe.each(majors)('parseArguments() says what pg_restore %d says', (major) => {
  const rules = compatRules(String(major))

  test(`of ${lines.length} command lines`, async () => {
    for (const [args, posixlyCorrect, answers] of lines) {
      const parsed = await parseArguments(args.map(byteStringOf), rules, {
        posixlyCorrect: posixlyCorrect === 1,
        readFilter,
      })
      const refusal = 'refusal' in parsed ? parsed.refusal : null
      expect({ args, refusal }).toEqual({ args, refusal: texts[answers[majors.indexOf(major)] ?? 0] })
    }
  })
})

describe('parseArguments() takes in', () => {
  async function parse(args: readonly string[], major: string) {
    const parsed = await parseArguments(args, compatRules(major), { posixlyCorrect: false, readFilter })
    if ('refusal' in parsed) throw new Error(parsed.refusal)
    return parsed
  }

  test('the last value of an option, but no empty one for -F and -S', async () => {
    const { options } = await parse(['-f', 'a', '-f', '', '-Fc', '-F', '', '-S', 'x', '-S', ''], '18')
    expect(Object.fromEntries(options.values)).toEqual({ file: '', format: 'c', superuser: 'x' })
  })

  test('names in the order in which they stand', async () => {
    const { options } = await parse(['-l', '-n', 'b', '--schema=a', '-t', 'x', '-nb'], '18')
    expect(Object.fromEntries(options.names)).toEqual({ schema: ['b', 'a', 'b'], table: ['x'] })
  })

  test('-j as atoi(3) does before 15, and checked from 15 on', async () => {
    expect((await parse(['-l', '-j', ' +12x'], '14')).options.jobs).toBe(12)
    expect((await parse(['-l', '-j', '4294967298'], '13')).options.jobs).toBe(2)
    expect((await parse(['-l', '-j', ' 3\t'], '15')).options.jobs).toBe(3)
  })

  test('the first operand as the archive', async () => {
    expect((await parse(['-l', 'a.dump'], '18')).archive).toBe('a.dump')
    expect((await parse(['-l'], '18')).archive).toBeUndefined()
  })
})

describe('parseArguments() derives 14 and 16 from their neighbours', () => {
  const refuse = async (args: readonly string[], major: string) => {
    const parsed = await parseArguments(args, compatRules(major), { posixlyCorrect: false, readFilter })
    return 'refusal' in parsed ? parsed.refusal : null
  }

  test('14 has the words of 13', async () => {
    expect(await refuse(['--no-table-access-method'], '14')).toBe(
      `pg_restore: unrecognized option '--no-table-access-method'\nTry "pg_restore --help" for more information.\n`,
    )
    expect(await refuse(['-l', '-j0'], '14')).toBe('pg_restore: error: invalid number of parallel jobs\n')
  })

  test('16 has the words of 15, and no --filter', async () => {
    expect(await refuse(['-l', '-j0'], '16')).toBe('pg_restore: error: -j/--jobs must be in range 1..2147483647\n')
    expect(await refuse(['--filter=x'], '16')).toBe(
      `pg_restore: unrecognized option '--filter=x'\npg_restore: hint: Try "pg_restore --help" for more information.\n`,
    )
  })

  test('--restrict-key came with the minors of August 2025', async () => {
    expect(await refuse(['-l', '--restrict-key=a'], '14.18')).toContain('unrecognized option')
    expect(await refuse(['-l', '--restrict-key=a'], '14.19')).toBeNull()
  })
})
