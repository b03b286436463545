import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { convert, filter, open, reindex } from '../../src/index.ts'
import type { Archive, ConvertOptions, TocEntry } from '../../src/index.ts'
import { contentsOf } from '../helpers/contents.ts'
import { partOf } from '../helpers/part.ts'
import { cli, root } from '../helpers/paths.ts'
import { run } from '../helpers/process.ts'
import { servers, withoutServers } from '../helpers/servers.ts'

/*
 * What convert() and reindex() make of a dump of test/postgres/rich.sql is restored by the real pg_restore, in parallel
 * where the format allows it, and pg_dump finds in the result what it finds after the original was restored.
 */

const folder = mkdtempSync(join(tmpdir(), 'pgdmp-converted-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const role = 'pgdmp_rich'
let outputs = 0
const nextOutput = (): string => join(folder, `output-${outputs++}`)

if (servers.length === 0) test('what is converted restores', ({ skip }) => skip(withoutServers))

describe.each(servers)('a dump of $version', (server) => {
  const source = `pgdmp_from_${process.pid}`
  const target = `pgdmp_to_${process.pid}`
  /** Written to a pipe: no offsets. */
  const file = join(folder, `${server.major}.dump`)
  let madeRole = false
  let archive: Archive
  let expected: ReadonlyMap<string, string>

  beforeAll(async () => {
    madeRole = server.ask([`SELECT count(*) FROM pg_roles WHERE rolname = '${role}'`]).trim() === '0'
    server.ask([...(madeRole ? [`CREATE ROLE ${role}`] : []), `CREATE DATABASE ${source} TEMPLATE template0`])
    const script = join(root, 'test/postgres/rich.sql')
    execFileSync(server.psql, ['-Xqf', script, '-d', server.database(source)], { stdio: ['ignore', 'ignore', 'pipe'] })
    server.ask(
      [
        "SELECT lo_from_bytea(4711, ''), lo_from_bytea(4712, decode(repeat('00ff5c27', 20000), 'hex'))",
        "COMMENT ON LARGE OBJECT 4711 IS 'empty'",
        `ALTER LARGE OBJECT 4712 OWNER TO ${role}`,
      ],
      source,
    )
    const { status, stdout, stderr } = await run(server.pgDump, ['-Fc', '-d', server.database(source)])
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' })
    writeFileSync(file, stdout)
    archive = await open(file)
    // not of the source: a server may print a view in other words once it was restored
    server.ask([`CREATE DATABASE ${target} TEMPLATE template0`])
    await restore(file)
    expected = await restored()
    server.ask([`DROP DATABASE ${target}`])
  }, 300_000)

  afterAll(async () => {
    await archive.close()
    server.ask([`DROP DATABASE IF EXISTS ${source}`])
    if (madeRole) server.ask([`DROP ROLE ${role}`])
  })

  beforeEach(() => void server.ask([`CREATE DATABASE ${target} TEMPLATE template0`]))
  afterEach(() => void server.ask([`DROP DATABASE ${target}`]))

  /** Two foreign keys to one partitioned table that are added at a time may end in a deadlock, of any archive: then again. */
  async function restore(path: string, ...args: readonly string[]): Promise<void> {
    for (let tries = 1; ; tries++) {
      const { status, stderr } = await run(server.pgRestore, [...args, '-d', server.database(target), path])
      if (tries === 4 || !/^pg_restore: error: .* deadlock detected$/m.test(stderr)) {
        expect({ status, stderr }).toEqual({ status: 0, stderr: '' })
        return
      }
      server.ask([`DROP DATABASE ${target}`, `CREATE DATABASE ${target} TEMPLATE template0`])
    }
  }

  async function restored(): Promise<ReadonlyMap<string, string>> {
    const dump = nextOutput()
    execFileSync(server.pgDump, ['-Fc', '-f', dump, '-d', server.database(target)])
    return await contentsOf(dump, server, target)
  }

  test('is restored in parallel after reindex()', { timeout: 300_000 }, async () => {
    expect(archive.toc.some(({ data }) => data.state === 'not-set')).toBe(true)
    const copy = nextOutput()
    await convert(archive, copy)
    const { set } = await reindex(copy)
    expect(set).toBeGreaterThan(10)
    await restore(copy, '-j4')
    expect(await restored()).toEqual(expected)
  })

  test('is restored in parallel when standard output was a file', { timeout: 300_000 }, async () => {
    const output = nextOutput()
    const script = '"$1" "$2" convert -Fc -Z gzip:1 "$3" - > "$4"'
    const { status, stderr } = await run('sh', ['-c', script, 'sh', process.execPath, cli, file, output])
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' })
    await restore(output, '-j4')
    expect(await restored()).toEqual(expected)
  })

  const conversions: readonly (ConvertOptions & { readonly jobs: string })[] = [
    { format: 'custom', compression: { method: 'gzip', level: 9 }, jobs: '-j4' },
    { format: 'directory', jobs: '-j4' },
    { format: 'tar', jobs: '-j1' },
    ...(server.newestArchive > 14
      ? ([
          { format: 'custom', compression: { method: 'zstd' }, jobs: '-j4' },
          { format: 'directory', compression: { method: 'lz4' }, jobs: '-j4' },
        ] as const)
      : []),
  ]

  test.each(partOf(conversions, (conversion) => `${server.major} ${JSON.stringify(conversion)}`))(
    'is restored as $format, $compression',
    { timeout: 300_000 },
    async ({ jobs, ...options }) => {
      const output = nextOutput()
      await convert(archive, output, options)
      await restore(output, jobs)
      expect(await restored()).toEqual(expected)
    },
  )

  const nameOf = ({ namespace, tag }: TocEntry): string =>
    [namespace, tag].map((name) => `"${(name ?? '').replaceAll('"', '""')}"`).join('.')

  test('is restored table by table, with what each needs', { timeout: 600_000 }, async () => {
    const tables = archive.toc.filter(({ desc }) => desc === 'TABLE')
    // some are enough of a restore from archives: widened-restore.test.ts goes through all of them
    const step = Math.ceil(tables.length / 4)
    const whole = { withDependencies: true, withDependents: true, match: 'pattern', create: true } as const
    for (const table of tables.filter((_, index) => index % step === 0)) {
      const output = nextOutput()
      await convert(filter(archive, { ...whole, tables: [nameOf(table)] }), output, { format: 'directory' })
      await restore(output, '-j4')
      // the rows of tables that inherit from it are theirs
      const children = 'SELECT inhrelid FROM pg_inherits JOIN pg_class ON oid = inhrelid WHERE NOT relispartition'
      const count = `SELECT count(*) FROM ${nameOf(table)} WHERE tableoid NOT IN (${children})`
      expect(server.ask([count], target)).toBe(server.ask([count], source))
      server.ask([`DROP DATABASE ${target}`, `CREATE DATABASE ${target} TEMPLATE template0`])
    }
  })
})
