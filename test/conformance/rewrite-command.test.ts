import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { fixture } from '../helpers/corpus.ts'
import { cli } from '../helpers/paths.ts'
import { run } from '../helpers/process.ts'

const scratch = mkdtempSync(join(tmpdir(), 'pgdmp-rewrite-command-'))
afterAll(() => rmSync(scratch, { recursive: true }))

const dump = fixture('18/full-Fc.dump').file

async function pgdmp(...args: string[]): Promise<{ status: number | null; text: string; stderr: string }> {
  const { status, stdout, stderr } = await run(process.execPath, [cli, ...args], { cwd: scratch, env: { LC_ALL: 'C' } })
  return { status, text: stdout.toString(), stderr }
}

describe.concurrent('pgdmp sql and pgdmp list rename', () => {
  test('roles by --map-owner and --map-file, the option before the file', async () => {
    writeFileSync(join(scratch, 'owners'), '# roles\nalice = "Alice ""A"""\nbob=file\n"Odd Role" = plain\n')
    const { status, text } = await pgdmp('sql', '-s', '--map-file=owners', '--map-owner', 'bob=option', dump)
    expect(status).toBe(0)
    expect(text).toContain(' OWNER TO "Alice ""A""";')
    expect(text).toContain(' OWNER TO option;')
    expect(text).not.toContain(' TO file;')
    expect(text).not.toMatch(/ (?:TO|FROM|FOR|ROLE) (?:alice|bob|"Odd Role")\b/)
  })

  test('every owner by --owner', async () => {
    const { status, text } = await pgdmp('list', '--owner=someone', '-v', dump)
    expect(status).toBe(0)
    expect(text).toMatch(/ TABLE plain \S+ someone\n/)
    expect(text).not.toMatch(/ (?:alice|bob|postgres)\n/)
  })

  test('schemas, tablespaces, access methods and the database', async () => {
    const args = ['--map-schema=plain=Pl ain', '--map-tablespace=space1=x', '--map-access-method=heap2=heap']
    const { text } = await pgdmp('sql', '-s', '-C', '--no-restrict', '--database-name=Other', ...args, dump)
    expect(text).toContain('CREATE SCHEMA "Pl ain";')
    expect(text).toContain('CREATE DATABASE "Other" WITH')
    expect(text).toContain('\n\\connect "Other"\n')
    expect(text).not.toMatch(/[\s(]plain\./)
  })

  test('and select by the old names', async () => {
    const { text } = await pgdmp('list', '-n', 'plain', '--map-schema=plain=other', dump)
    expect(text).toMatch(/ TABLE other \S+ /)
    expect((await pgdmp('list', '-n', 'other', '--map-schema=plain=other', dump)).text).not.toMatch(/ TABLE other /)
  })
})

describe.concurrent('pgdmp reports', () => {
  test('names that nothing has', async () => {
    const { status, stderr } = await pgdmp('list', '--map-owner=alcie=x', '--map-owner=alice=x', dump)
    expect(status).toBe(0)
    expect(stderr).toBe('pgdmp: warning: nothing to rename: the archive has no "alcie" in what is selected\n')
  })

  test('what it leaves alone, and with --strict fails before it writes anything', async () => {
    const loose = await pgdmp('sql', '-s', '--map-schema=plain=x', dump)
    expect(loose.status).toBe(0)
    expect(loose.stderr).toContain('TABLE plain.all_types may refer to a schema that is renamed')
    expect(loose.stderr).toMatch(/\npgdmp: \d+ places? may need a new name by hand\n$/)
    const strict = await pgdmp('sql', '-s', '--map-schema=plain=x', '--strict', dump)
    expect(strict).toMatchObject({ status: 1, text: '' })
    expect(strict.stderr).toMatch(/^pgdmp: Cannot rename schema for sure: TABLE plain\.all_types /)
  })

  test.each([
    [['--map-owner=alice'], /^pgdmp: Cannot read the names: "alice", must be old=new\./],
    [['--map-owner=a=b', '--map-owner=a=c'], /^pgdmp: Cannot rename "a" twice/],
    [['--map-owner=alice=public'], /^pgdmp: Cannot rename role "alice": the new name "public" is reserved/],
    [['--map-file=none'], /^pgdmp: Cannot read map file "none": No such file or directory/],
    [['--strict'], /^pgdmp: --strict: nothing is renamed\./],
    [['--map-schema=pg_catalog=x'], /"pg_catalog" belongs to the server/],
  ])('%j as wrong usage', async (args, message) => {
    const { status, stderr, text } = await pgdmp('sql', ...args, dump)
    expect({ status, text }).toEqual({ status: 2, text: '' })
    expect(stderr).toMatch(message)
  })
})
