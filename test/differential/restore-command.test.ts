import { copyFileSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { open, restore } from '../../src/index.ts'
import { connectPg } from '../../src/restore/pg.ts'
import { fixture } from '../helpers/corpus.ts'
import { cli, root } from '../helpers/paths.ts'
import { run, shellQuote } from '../helpers/process.ts'
import { ownServers, withoutServers } from '../helpers/servers.ts'

/* `pgdmp restore` and `restore()` with a real server, where there is no pg_restore to compare with. */

const folder = mkdtempSync(join(tmpdir(), 'pgdmp-restore-command-'))
// none of the roles that the archive names
const server = ownServers().at(-1)
const made: string[] = []
afterAll(() => {
  for (const name of made) server?.ask([`DROP DATABASE IF EXISTS ${name} WITH (FORCE)`])
  rmSync(folder, { recursive: true, force: true })
})

/** Without subscriptions, which would keep their database. */
const part = ['-n', 'plain', '--no-subscriptions']
const full = fixture('18/full-Fc.dump').file

function newName(): string {
  const name = `pgdmp_restore_command_${process.pid}_${made.length}`
  made.push(name)
  return name
}

describe('pgdmp restore', () => {
  if (server === undefined) return test(withoutServers, ({ skip }) => skip(withoutServers))
  const { ask, database, parameters } = server
  const pgdmp = (...args: string[]) => run(process.execPath, [cli, 'restore', ...args], { timeout: 120_000 })

  test('sums up at the end what the server refused, and keeps each in the log', async () => {
    const name = newName()
    ask([`CREATE DATABASE ${name} TEMPLATE template0`])
    const log = join(folder, 'log')
    const { status, stderr } = await pgdmp('-q', '--log', log, ...part, '-d', database(name), full)
    expect(status).toBe(1)
    const lines = readFileSync(log, 'utf8').trim().split('\n')
    const records = lines.map((line): Record<string, unknown> => JSON.parse(line))
    const end = records.at(-1)
    expect(end).toMatchObject({ event: 'end', complete: true, failed: records.length - 1 })
    expect(records[0]).toMatchObject({
      event: 'failure',
      sqlState: '3F000',
      statement: expect.stringContaining('plain.'),
    })
    expect(stderr).toContain(`the server refused ${records.length - 1} statements; the restore went on to its end:`)
  })

  test('creates the database under another name, and restores into it', async () => {
    const name = newName()
    const options = ['-C', '--database-name', name, '-O', '-d', database('postgres')]
    const { status, stderr } = await pgdmp(...options, fixture('18/latin1-Fc.dump').file)
    expect([status, stderr]).toEqual([0, expect.stringContaining('restored')])
    // the rows have their letters
    expect(ask([`SELECT count(*) FROM "Größe"."Straße"`], name).trim()).toBe('3')
    expect(ask([`SELECT count(*) FROM pg_tables WHERE schemaname = 'Größe'`]).trim()).toBe('0')
  })

  test('says of a database whose sessions are read-only what helps, once', async () => {
    const name = newName()
    ask([`CREATE DATABASE ${name} TEMPLATE template0`, `ALTER DATABASE ${name} SET default_transaction_read_only = on`])
    const args = ['-O', '-x', '-d', database(name), fixture('18/latin1-Fc.dump').file]
    const helps = "PGOPTIONS='-c default_transaction_read_only=off'"
    const checked = await pgdmp('--check', ...args)
    expect([checked.status, checked.stderr]).toEqual([1, expect.stringContaining(helps)])
    const refused = await pgdmp('--no-check', ...args)
    expect(refused.status).toBe(1)
    expect(refused.stderr.match(/\d+ × .*\[25006\].*/g)).toEqual([expect.stringContaining(helps)])
    const resumed = await pgdmp('--no-check', '--resume', join(folder, 'read-only-journal'), ...args)
    expect([resumed.status, resumed.stderr]).toEqual([1, expect.stringMatching(/Nothing was restored.*PGOPTIONS/)])
    const command = [cli, 'restore', '--resume', join(folder, 'read-only-journal'), ...args]
    const env = { PGOPTIONS: '-c default_transaction_read_only=off' }
    const undone = await pgdmp('--no-check', '-1', ...args)
    expect([undone.status, undone.stderr]).toEqual([
      1,
      expect.stringMatching(/stopped:\n.*\n.*Nothing was restored: .*\n$/),
    ])
    // servers before 16 create large objects in such a session, too
    const remove = 'SELECT lo_unlink(oid) FROM pg_largeobject_metadata'
    ask(['SET default_transaction_read_only = off', remove], name)
    const helped = await run(process.execPath, command, { env })
    expect([helped.status, helped.stderr]).toEqual([0, expect.stringContaining('restored')])
  })

  test('shows what a server says in the encoding of the archive, names in it included', async () => {
    const name = newName()
    ask([`CREATE DATABASE ${name} TEMPLATE template0`])
    const sjis = fixture('encodings/sjis-Fc.dump').file
    const { status, stderr } = await pgdmp('--no-check', '-d', database(name), sjis)
    expect([status, stderr]).toEqual([1, expect.stringContaining('SCHEMA 表: role "role 表" does not exist [42704]\n')])
    expect(stderr).toContain('  SQL: ALTER SCHEMA "表" OWNER TO "role 表";\n')
    expect(stderr).toMatch(/ roles that do not exist \[42704\] \(role "role 表" does not exist\)/)
    // in UTF-8 again
    const target = await connectPg(parameters(name))
    await expect(target.rows('SELECT "表" FROM pg_class')).rejects.toThrow('column "表" does not exist')
    await target.end()
  })

  test('says so when the connection is lost, and what to do', async () => {
    const name = newName()
    ask([`CREATE DATABASE ${name} TEMPLATE template0`])
    const target = await connectPg(parameters(name))
    await using archive = await open(full)
    let ended = false
    const restored = restore(archive, target, {
      onProgress: ({ bytes }) => {
        if (bytes === 0 || ended) return
        ended = true
        ask([`SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '${name}'`])
      },
    })
    await expect(restored).rejects.toMatchObject({
      code: 'CONNECTION_LOST',
      hint: expect.stringContaining('INCOMPLETE'),
      details: { groups: expect.arrayContaining([expect.objectContaining({ cause: 'roles that do not exist' })]) },
    })
    expect(ended).toBe(true)
  })

  test('--finish of a run that goes on counts the rows of earlier ones, where the archive can be read again', async () => {
    const name = newName()
    ask([`CREATE DATABASE ${name} TEMPLATE template0`])
    const { file } = fixture('18/latin1-Fc.dump')
    const options = ['-O', '--resume', join(folder, 'finish-journal'), '-d', database(name)]
    expect((await pgdmp('-q', ...options, file)).status).toBe(0)
    const same = await pgdmp('--finish', ...options, file)
    expect([same.status, same.stderr]).toEqual([0, expect.stringMatching(/rows of [1-9]\d* tables as in the archive/)])
    ask([`DELETE FROM "Größe"."Straße" WHERE ctid = '(0,1)'`], name)
    const fewer = await pgdmp('--finish', ...options, file)
    expect([fewer.status, fewer.stderr]).toEqual([1, expect.stringContaining('Größe.Straße: 2 instead of 3')])
    const stdin = readFileSync(file)
    const piped = await run(process.execPath, [cli, 'restore', '--finish', ...options, '-'], { stdin })
    expect([piped.status, piped.stderr]).toEqual([0, expect.stringMatching(/analyzed \d+ tables$/m)])
  })

  test('--check says what is in the way, and restores nothing', async () => {
    const name = newName()
    ask([`CREATE DATABASE ${name} TEMPLATE template0`])
    const log = join(folder, 'check-log')
    const options = ['--no-tablespaces', '-d', database(name)]
    const { status, stderr } = await pgdmp('--check', '--log', log, ...options, full)
    expect([status, stderr]).toEqual([1, expect.stringMatching(/roles that do not exist: \d+ \(.*--create-roles/)])
    const { event, findings } = JSON.parse(readFileSync(log, 'utf8'))
    expect([event, findings[0]]).toEqual(['check', expect.objectContaining({ kind: 'roles', severity: 'error' })])
    expect(ask([`SELECT count(*) FROM pg_namespace WHERE oid >= 16384`], name).trim()).toBe('0')
    const without = ['-O', '-x', '--no-policies', '-n', 'ext']
    const good = await pgdmp('--check', ...options, ...without, fixture('18/latin1-Fc.dump').file)
    expect([good.status, good.stderr]).toEqual([0, expect.stringContaining('nothing in the way')])
    const both = await pgdmp('--check', '--no-check', '-d', 'x', full)
    expect([both.status, both.stderr]).toEqual([2, expect.stringContaining('exclude each other')])
  })

  /** An archive of one table and a view, which belong to a role that the server does not have any more. */
  async function orphaned(role: string): Promise<string> {
    const name = newName()
    const file = join(folder, `${role}.dump`)
    ask([`CREATE DATABASE ${name} TEMPLATE template0`, `CREATE ROLE ${role}`])
    ask([`CREATE SCHEMA own AUTHORIZATION ${role}`, `CREATE TABLE own.t AS SELECT generate_series(1, 9) AS a`], name)
    ask([`CREATE VIEW own.v AS SELECT a FROM own.t`], name)
    ask([`ALTER TABLE own.t OWNER TO ${role}`, `ALTER VIEW own.v OWNER TO ${role}`], name)
    await run(server?.pgDump ?? '', ['-Fc', '-f', file, '-d', database(name)])
    ask([`DROP DATABASE ${name}`])
    ask([`DROP ROLE ${role}`])
    return file
  }

  test('--create-roles creates what is missing, for whoever may; --finish compares rows; --progress=json tells', async () => {
    const role = `orphan_${process.pid}`
    const file = await orphaned(role)
    const restorer = `restorer_${process.pid}`
    const name = newName()
    ask([
      `CREATE ROLE ${restorer} LOGIN PASSWORD 'of-a-test'`,
      `CREATE DATABASE ${name} TEMPLATE template0 OWNER ${restorer}`,
    ])
    try {
      const as = database(name).replace(/user=\S+ password=\S+/, `user=${restorer} password=of-a-test`)
      const refused = await pgdmp('--create-roles', '-d', as, file)
      expect([refused.status, refused.stderr]).toEqual([2, expect.stringContaining(`Cannot create roles ${role}`)])
      expect(ask([`SELECT count(*) FROM pg_class WHERE relname = 't'`], name).trim()).toBe('0')

      ask([`ALTER ROLE ${restorer} CREATEROLE`])
      const lines = join(folder, 'progress')
      const options = ['--create-roles', '--finish', `--progress=json:${lines}`, '-d', as]
      const { status, stderr } = await pgdmp(...options, file)
      expect([status, stderr]).toEqual([0, expect.stringContaining(`created 1 role (${role}), without login`)])
      expect(stderr).toContain('nothing in the way')
      expect(stderr).toContain('rows of 1 tables as in the archive')
      expect(ask([`SELECT rolcanlogin FROM pg_roles WHERE rolname = '${role}'`]).trim()).toBe('f')
      expect(ask([`SELECT tableowner FROM pg_tables WHERE tablename = 't'`], name).trim()).toBe(role)
      const last = JSON.parse(readFileSync(lines, 'utf8').trim().split('\n').at(-1) ?? '')
      expect(last).toMatchObject({ event: 'progress', part: 1, bytes: expect.any(Number), secondsLeft: 0 })
      expect(last.objects).toBeGreaterThan(3)
    } finally {
      ask([`REASSIGN OWNED BY ${role} TO postgres; DROP OWNED BY ${role}`], name)
      ask([`DROP DATABASE ${name}`])
      ask([`DROP ROLE ${role}`])
      ask([`DROP ROLE ${restorer}`])
    }
  })

  /** `pgdmp restore --on-error=ask` at a terminal, with an answer for each question. */
  async function answered(answers: readonly string[], file: string, name: string) {
    const helper = join(root, 'test/helpers/at-terminal.py')
    const args = [helper, JSON.stringify(answers), process.execPath, cli, 'restore', '--no-check']
    const env = { AT_TERMINAL_QUESTION: 'll like this? ' }
    const { stdout } = await run('python3', [...args, '--on-error=ask', '-d', database(name), file], { env })
    return JSON.parse(stdout.toString())
  }

  test('sums up what was refused before sessions could not be opened, or an archive could not be read on', async () => {
    const name = newName()
    const user = `few_${process.pid}`
    const file = await orphaned(`gone_${process.pid}`)
    ask([`CREATE ROLE ${user} LOGIN PASSWORD 'right'`])
    ask([`CREATE DATABASE ${name} TEMPLATE template0 OWNER ${user} CONNECTION LIMIT 1`])
    try {
      const { host, port } = parameters(name)
      const to = ['-d', `postgresql://${user}:right@${host}:${port}/${name}`]
      const sums =
        /until then the server refused:\n.*3 × roles that do not exist.*\n.*Cannot open session 2 of 2: .*too many/
      const few = await pgdmp('--no-check', '-j2', ...to, file)
      expect([few.status, few.stderr]).toEqual([1, expect.stringMatching(sums)])
      const resumed = await pgdmp('--no-check', '-j2', '--resume', join(folder, 'few-journal'), ...to, file)
      expect([resumed.status, resumed.stderr]).toEqual([
        1,
        expect.stringMatching(/INCOMPLETE: .*few-journal.* with fewer jobs/),
      ])
    } finally {
      ask([`DROP DATABASE ${name}`])
      ask([`DROP ROLE ${user}`])
    }
    const other = newName()
    ask([`CREATE DATABASE ${other} TEMPLATE template0`])
    const stdin = readFileSync(file)
    const cut = stdin.subarray(0, stdin.length - 12)
    const args = [cli, 'restore', '--no-check', '-d', database(other), '-']
    const broken = await run(process.execPath, args, { stdin: cut })
    expect([broken.status, broken.stderr]).toEqual([
      1,
      expect.stringMatching(/until then the server refused:\n.*\d × roles that do not exist[^]*INCOMPLETE/),
    ])
  })

  test('a log that nobody reads is a failure, progress that nobody reads is none, and neither goes onto the archive', async () => {
    const copied = join(folder, 'copy.dump')
    copyFileSync(fixture('18/latin1-Fc.dump').file, copied)
    const before = readFileSync(copied)
    for (const option of [`--progress=json:${copied}`, `--log=${copied}`]) {
      const { status, stderr } = await pgdmp(option, '-O', '-d', database('postgres'), copied)
      expect([status, stderr]).toEqual([2, expect.stringContaining('belongs to the archive')])
    }
    expect(readFileSync(copied)).toEqual(before)
    const outcomes: (number | null)[] = []
    for (const option of ['--log=/dev/fd/3', '--progress=json:/dev/fd/3']) {
      const name = newName()
      ask([`CREATE DATABASE ${name} TEMPLATE template0`])
      const args = shellQuote([process.execPath, cli, 'restore', option, '-O', '-x', '-d', database(name), copied])
      // nobody reads at the other end of descriptor 3 any more
      const { status } = await run('bash', ['-c', `exec 3> >(exec true); sleep 0.3; exec ${args}`])
      outcomes.push(status)
    }
    expect(outcomes).toEqual([1, 0])
  })

  test('--on-error=ask asks at the terminal, and not again about what is alike', async () => {
    const file = await orphaned(`asked_${process.pid}`)
    const name = newName()
    ask([`CREATE DATABASE ${name} TEMPLATE template0`])
    const stopped = await answered(['x\n', 's\n'], file, name)
    expect(stopped).toMatchObject({
      status: 1,
      said: expect.stringMatching(
        / own: role .* \[42704\]\r\n {2}SQL: ALTER SCHEMA own OWNER TO asked_[^]*answer c, s or a/,
      ),
      echo: true,
      lines: true,
    })
    expect(stopped.said).toMatch(/the restore was stopped[^]*INCOMPLETE: restore again into an empty one\r\n$/)
    expect(ask([`SELECT count(*) FROM pg_class WHERE relname = 'v'`], name).trim()).toBe('0')
    ask([`DROP DATABASE ${name}`, `CREATE DATABASE ${name} TEMPLATE template0`])
    // the owners of three objects: the same cause
    const { status, said } = await answered(['a\n'], file, name)
    expect([status, said]).toEqual([1, expect.stringContaining('the restore went on to its end')])
    expect(said.match(/ll like this/g)).toHaveLength(1)
    // the end of input
    const ended = await answered(['\u0004'], file, name)
    expect([ended.status, ended.said]).toEqual([
      1,
      expect.stringContaining('ll like this? \r\npgdmp: the server refused 1'),
    ])
    expect(ask([`SELECT count(*) FROM own.v`], name).trim()).toBe('9')
  })

  test('has usage errors for what is missing or wrong', async () => {
    const asking = ['-d', 'x', '--on-error', 'ask']
    for (const args of [[full], [...asking, full], ['-d', 'x', '--progress=xml', full]]) {
      const { status, stderr } = await pgdmp(...args)
      expect([status, stderr]).toEqual([2, expect.stringContaining('restore: ')])
    }
    for (const option of ['-1', '--transaction-size=5']) {
      const { status, stderr } = await pgdmp(...asking, option, full)
      expect([status, stderr]).toEqual([2, expect.stringMatching(/ask and \S+ exclude each other/)])
    }
  })
})
