import { execFileSync, spawnSync } from 'node:child_process'
import { createHmac, pbkdf2Sync } from 'node:crypto'
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { connectDatabase, connectionParameters } from '../../src/cli/connection.ts'
import { fixture } from '../helpers/corpus.ts'
import { cli, inCi, root } from '../helpers/paths.ts'
import { postgres, withoutPath, withoutPostgres } from '../helpers/postgres.ts'
import { run } from '../helpers/process.ts'

/*
 * Passwords by every method, those that are allowed, TLS and channel binding, with a server of these tests' own that has a certificate, beside
 * the real pg_restore; and a password that is typed, at a terminal that Python makes.
 */

const folder = mkdtempSync(join(tmpdir(), 'pgdmp-password-'))
const archive = fixture('18/filter-Fc.dump').file
const script = join(root, 'test/postgres/servers.sh')
const tools = postgres.at(-1)
const hasPrograms = ['python3 --version', 'openssl version'].every((line) => spawnSync('sh', ['-c', line]).status === 0)
const missing = hasPrograms ? withoutPostgres : 'needs python3 and openssl'
const possible = tools !== undefined && hasPrograms
if (inCi && !possible) throw new Error(missing)

const seconds = 60_000
let connection = ''

const rules = `
hostssl all tls_only 127.0.0.1/32 scram-sha-256
hostnossl all tls_only 127.0.0.1/32 reject
host all by_md5 127.0.0.1/32 md5
host all in_clear 127.0.0.1/32 password
host all trusted 127.0.0.1/32 trust
host all by_gss 127.0.0.1/32 gss
host all all 127.0.0.1/32 scram-sha-256`

describe('a password', () => {
  if (!possible) return test(missing, ({ skip }) => skip(missing))
  const data = join(folder, 'servers', String(tools.major))

  beforeAll(() => {
    // the server may run as somebody else
    chmodSync(folder, 0o711)
    const said = execFileSync(script, ['start', join(folder, 'servers'), String(tools.major)], { encoding: 'utf8' })
    const started: Record<string, string> = JSON.parse(said)
    connection = started[tools.major] ?? ''
    const ask = (...commands: string[]): void => {
      const args = commands.flatMap((command) => ['-c', command])
      execFileSync(tools.psql, ['-Xq', '-v', 'ON_ERROR_STOP=1', ...args, '-d', connection], { stdio: 'pipe' })
    }
    // what the server makes itself belongs to its owner
    const request = `openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=localhost -keyout '${data}/server.key' -out '${data}/server.crt'`
    ask(
      `COPY (SELECT 1) TO PROGRAM $$cat > /dev/null; ${request} 2> /dev/null && chmod 600 '${data}/server.key'$$`,
      `COPY (SELECT unnest(string_to_array($$${rules}$$, E'\\n'))) TO PROGRAM $$cat > '${data}/pg_hba.conf'$$`,
      'ALTER SYSTEM SET ssl = on',
      "CREATE ROLE tls_only LOGIN PASSWORD 'known'",
      "CREATE ROLE in_clear LOGIN PASSWORD 'known'",
      'CREATE ROLE trusted LOGIN',
      'CREATE ROLE by_gss LOGIN',
      "SET password_encryption = 'md5'",
      "CREATE ROLE by_md5 LOGIN PASSWORD 'known'",
      'SELECT pg_reload_conf()',
    )
    const read = spawnSync(tools.psql, ['-XAtqc', `SELECT pg_read_file('${data}/server.crt')`, '-d', connection])
    writeFileSync(join(folder, 'server.crt'), read.stdout)
    const other = `-subj /CN=localhost -keyout ${join(folder, 'other.key')} -out ${join(folder, 'other.crt')}`
    execFileSync('openssl', `req -x509 -newkey rsa:2048 -nodes -days 2 ${other}`.split(' '), { stdio: 'ignore' })
    // a connection after the reload
    for (let tries = 0; tries < 50; tries++) {
      const { status } = spawnSync(tools.psql, ['-Xqc', 'SELECT 1', '-d', `${connection} sslmode=require`])
      if (status === 0) return
      spawnSync('sleep', ['0.1'])
    }
    throw new Error('the server has no TLS')
  }, seconds)

  afterAll(() => {
    execFileSync(script, ['stop', join(folder, 'servers')])
    rmSync(folder, { recursive: true, force: true })
  }, seconds)

  const as = (user: string, ...more: readonly string[]): string => {
    const place = connection.split(' ').filter((pair) => /^(?:host|port)=/.test(pair))
    return [...place, `user=${user}`, 'dbname=postgres', ...more].join(' ')
  }
  const none = ['--section=post-data', '-t', 'none_of_this_name', archive]
  const env = { HOME: folder }

  async function both(...args: readonly string[]) {
    const real = await run(tools?.pgRestore ?? '', [...args, ...none], { env })
    const ours = await run(process.execPath, [cli, 'pg_restore', '--compat', tools?.version ?? '', ...args, ...none], {
      env,
    })
    return { real: [real.status, withoutPath(real.stderr)], ours: [ours.status, withoutPath(ours.stderr)] }
  }

  const users = ['postgres', 'by_md5', 'in_clear', 'tls_only']

  test.each(users)(
    'that nobody may be asked for (-w) is missed as by pg_restore: %s',
    async (user) => {
      const { real, ours } = await both('-w', '-d', as(user))
      expect(ours).toEqual(real)
      expect(ours).toEqual([1, expect.stringContaining('no password supplied')])
    },
    seconds,
  )

  interface Typed {
    readonly status: number | null
    readonly said: string
    readonly echo: boolean
    readonly lines: boolean
  }

  async function typed(keys: string, command: readonly string[]): Promise<Typed> {
    const helper = join(root, 'test/helpers/at-terminal.py')
    const args = [helper, JSON.stringify(keys), process.execPath, cli, ...command]
    const { stdout } = await run('python3', args, { env })
    return JSON.parse(stdout.toString())
  }

  test.each(users.slice(1))(
    'is asked for at the terminal when the server wants one: %s',
    async (user) => {
      const outcome = await typed('known\r', ['pg_restore', '-d', as(user), ...none])
      expect(outcome).toEqual({ status: 0, said: 'Password: \r\n', echo: true, lines: true })
    },
    seconds,
  )

  test('is not asked for when the server wants none', async () => {
    const { real, ours } = await both('-d', as('trusted'))
    expect([real, ours]).toEqual([
      [0, ''],
      [0, ''],
    ])
  })

  test('is of no use to a server that wants GSSAPI, which is said', async () => {
    const { real, ours } = await both('-d', as('by_gss'))
    expect([real[0], ours[0]]).toEqual([1, 1])
    expect(ours[1]).toMatch(/^pg_restore: error: connection to server .* failed: GSSAPI .* not supported by pgdmp\n$/)
  })

  test(
    'may be mended while it is typed, and ends with Ctrl-D, too',
    async () => {
      const outcome = await typed('wrong\u0015knoß\u007fwn\u0004', ['pg_restore', '-W', '-d', as('by_md5'), ...none])
      expect(outcome).toEqual({ status: 0, said: 'Password: \r\n', echo: true, lines: true })
    },
    seconds,
  )

  test.each([['restore'], ['pg_restore']])(
    'that is not given ends pgdmp %s by Ctrl-C, with the terminal as it was',
    async (command) => {
      const outcome = await typed('kno\u0003', [command, '-W', '-d', as('by_md5'), archive])
      expect(outcome).toEqual({ status: 130, said: 'Password: \r\n', echo: true, lines: true })
    },
    seconds,
  )

  test.each([
    ['postgres', 'channel_binding=require', 'sslmode=require', 0],
    ['tls_only', 'channel_binding=require', 'sslmode=prefer', 0],
    ['tls_only', 'channel_binding=require', 'sslmode=disable', 1],
    ['by_md5', 'channel_binding=require', 'sslmode=require', 1],
    ['in_clear', 'channel_binding=require', 'sslmode=require', 1],
    ['trusted', 'channel_binding=require', 'sslmode=require', 1],
    ['tls_only', 'channel_binding=disable', 'sslmode=require', 0],
    ['tls_only', 'ssl_min_protocol_version=TLSv1.3', 'sslmode=require', 0],
    ['tls_only', 'sslmode=require', 'ssl_max_protocol_version=TLSv1.2', 0],
  ] as const)(
    'of %s goes to a server with %s %s as by pg_restore',
    async (user, first, second, status) => {
      const password = user === 'postgres' ? /password=(\S+)/.exec(connection)?.[1] : 'known'
      const { real, ours } = await both('-d', as(user, `password=${password}`, first, second))
      expect(ours).toEqual(real)
      expect(ours[0]).toBe(status)
    },
    seconds,
  )

  // libpq knows the parameter since 16, and OAuth since 18
  describe.skipIf(tools.major < 18)('where require_auth says what the server may ask for', () => {
    const passwordOf = (user: string) => (user === 'postgres' ? /password=(\S+)/.exec(connection)?.[1] : 'known')
    const values = [
      ...['none', 'password', 'md5', 'scram-sha-256', 'gss'].flatMap((name) => [name, `!${name}`]),
      'oauth',
      'sspi',
      '',
      'none,scram-sha-256',
      'password,md5',
      '!none,!scram-sha-256',
      '!oauth,!scram-sha-256',
    ]

    test.each([...users, 'trusted', 'by_gss'])(
      'goes to it, or not, as by pg_restore: %s',
      async (user) => {
        let refused = 0
        for (const value of values) {
          const dbname = as(user, `password=${passwordOf(user)}`, `require_auth='${value}'`, 'gssencmode=disable')
          const { real, ours } = await both('-d', dbname)
          // what is allowed fails for want of what libpq has and node-postgres has not
          const isGss = user === 'by_gss' && !String(real[1]).includes('requirement')
          if (isGss) expect([value, ours[0], ours[1]]).toEqual([value, real[0], expect.stringContaining('GSSAPI')])
          else expect([value, ...ours]).toEqual([value, ...real])
          if (real[0] === 1) refused++
        }
        expect(refused).toBeGreaterThan(5)
        expect(refused).toBeLessThan(values.length + (user === 'by_gss' ? 1 : 0))
      },
      4 * seconds,
    )

    test.each([
      ['password,!md5', 1],
      ['!none,!md5,password', 1],
      ['md5,password,md5', 1],
      ['!none,!none', 1],
      ['none,none', 1],
      ['gss,sspi,gss', 1],
      ['!gss,!sspi', 0],
      ['SCRAM-SHA-256', 1],
      ['scram-sha-256,', 1],
      [',', 1],
      ['!', 1],
      ['!!md5', 1],
    ] as const)(
      'is read as by pg_restore: %s',
      async (value, status) => {
        const { real, ours } = await both('-d', as('tls_only', 'password=known', `require_auth='${value}'`))
        expect(ours).toEqual(real)
        expect(ours[0]).toBe(status)
      },
      seconds,
    )

    test.each([
      ['channel_binding=require require_auth=scram-sha-256', 0],
      ['channel_binding=require require_auth=md5', 1],
      ['channel_binding=require require_auth=oauth', 1],
      ['channel_binding=disable require_auth=oauth', 1],
    ] as const)(
      'goes with TLS and %s as by pg_restore',
      async (more, status) => {
        const { real, ours } = await both('-d', as('tls_only', 'password=known', 'sslmode=require', more))
        expect(ours).toEqual(real)
        expect(ours[0]).toBe(status)
      },
      seconds,
    )
  })

  // libpq knows the parameters since 18
  describe.skipIf(tools.major < 18)('may be left out for the keys that are made of it', () => {
    const wrongKey = Buffer.alloc(32).toString('base64')
    let [client, server] = ['', '']

    beforeAll(() => {
      const sql = "SELECT rolpassword FROM pg_authid WHERE rolname = 'tls_only'"
      const { stdout } = spawnSync(tools.psql, ['-XAtqc', sql, '-d', connection], { encoding: 'utf8' })
      const [, iterations, salt = ''] = /^SCRAM-SHA-256\$(\d+):([^$]+)\$/.exec(stdout) ?? []
      const salted = pbkdf2Sync('known', Buffer.from(salt, 'base64'), Number(iterations), 32, 'sha256')
      const keys = ['Client Key', 'Server Key'].map((name) =>
        createHmac('sha256', salted).update(name).digest('base64'),
      )
      client = keys[0] ?? ''
      server = keys[1] ?? ''
    })

    test.each([
      ['', '', 1],
      ['CLIENT', 'SERVER', 0],
      ['CLIENT', '', 1],
      ['', 'SERVER', 1],
      ['WRONG', 'SERVER', 1],
      ['CLIENT', 'WRONG', 1],
    ] as const)(
      'which go as by pg_restore: client %s, server %s',
      async (clientKey, serverKey, status) => {
        const keyOf = (name: string): string => ({ CLIENT: client, SERVER: server, WRONG: wrongKey })[name] ?? ''
        const given = [
          ...(clientKey === '' ? [] : [`scram_client_key=${keyOf(clientKey)}`]),
          ...(serverKey === '' ? [] : [`scram_server_key=${keyOf(serverKey)}`]),
        ]
        for (const binding of ['channel_binding=disable', 'channel_binding=require', 'require_auth=scram-sha-256']) {
          const { real, ours } = await both('-w', '-d', as('tls_only', 'sslmode=require', binding, ...given))
          expect([binding, ...ours]).toEqual([binding, ...real])
          expect(ours[0]).toBe(status)
        }
      },
      seconds,
    )

    test(
      'one of which may come beside it, and none does where another method asks for it, as by pg_restore',
      async () => {
        for (const [user, given, status] of [
          ['tls_only', `scram_server_key=${server} password=known`, 0],
          ['tls_only', `scram_server_key=${wrongKey} password=known`, 1],
          ['tls_only', `scram_client_key=${client} password=wrong`, 1],
          ['by_md5', `scram_client_key=${client} scram_server_key=${server}`, 1],
          ['in_clear', `scram_client_key=${client} scram_server_key=${server}`, 1],
          ['by_md5', `scram_client_key=${client} scram_server_key=${server} password=known`, 0],
        ] as const) {
          const { real, ours } = await both('-w', '-d', as(user, given))
          expect([user, given, ...ours]).toEqual([user, given, ...real])
          expect(ours[0]).toBe(status)
        }
      },
      seconds,
    )

    test.each(["''", 'x', 'YWJj', wrongKey.slice(0, -1), `'${wrongKey.slice(0, 4)} ${wrongKey.slice(4)}'`])(
      'which are refused as by pg_restore: %s',
      async (key) => {
        for (const name of ['scram_client_key', 'scram_server_key']) {
          const { real, ours } = await both('-w', '-d', as('tls_only', `${name}=${key}`))
          expect([name, ...ours]).toEqual([name, ...real])
          expect(ours[0]).toBe(1)
        }
      },
      seconds,
    )
  })

  // the server's certificate, which is its own root, names localhost; the address is given so that nothing is looked up
  test.each([
    ['verify-full', 'localhost', 'server.crt', 0],
    ['verify-full', 'elsewhere', 'server.crt', 1],
    ['verify-ca', 'elsewhere', 'server.crt', 0],
    ['verify-ca', 'localhost', 'other.crt', 1],
    ['verify-full', 'localhost', 'other.crt', 1],
    ['require', 'elsewhere', 'other.crt', 1],
    ['require', 'elsewhere', 'none.crt', 0],
  ] as const)(
    'goes with sslmode=%s to the server called %s that shows a certificate by %s as by pg_restore',
    async (mode, host, certificate, status) => {
      const place = `${as('tls_only', 'password=known').replace('host=', 'hostaddr=')} host=${host}`
      // libpq before 17 does not know the parameter
      for (const negotiation of tools.major < 17 ? [''] : ['sslnegotiation=postgres', 'sslnegotiation=direct']) {
        const { real, ours } = await both(
          '-d',
          `${place} sslmode=${mode} sslrootcert=${join(folder, certificate)} ${negotiation}`,
        )
        expect([negotiation, ...ours]).toEqual([negotiation, ...real])
        expect(ours[0]).toBe(status)
      }
    },
    seconds,
  )

  test('goes over the release of TLS and with the binding that are asked for', async () => {
    const { stdin, stdout, stderr } = process
    const terminal = { stdin, stdout, stderr, env, signal: new AbortController().signal }
    const connect = async (...more: readonly string[]) => {
      const dbname = as('tls_only', 'password=known', 'sslmode=require', ...more)
      return await connectDatabase(terminal, await connectionParameters({ dbname }, env), { applicationName: 'test' })
    }
    for (const [setting, version, binds] of [
      ['ssl_max_protocol_version=TLSv1.2', 'TLSv1.2', true],
      ['channel_binding=disable', 'TLSv1.3', false],
    ] as const) {
      const target = await connect(setting)
      const { rows } = await target.client.query('SELECT version FROM pg_stat_ssl WHERE pid = pg_backend_pid()')
      expect(rows).toEqual([{ version }])
      expect(target.client).toMatchObject({ enableChannelBinding: binds })
      await target.end()
    }
  })
})
