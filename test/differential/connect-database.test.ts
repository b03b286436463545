import { chmodSync, existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { fixture } from '../helpers/corpus.ts'
import { cli } from '../helpers/paths.ts'
import { withoutPath } from '../helpers/postgres.ts'
import { run } from '../helpers/process.ts'
import { servers, withoutServers } from '../helpers/servers.ts'

/* What a connection string means, and what is said when nobody answers: beside the real pg_restore, on its own server. */

const folder = mkdtempSync(join(tmpdir(), 'pgdmp-connect-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const server = servers.at(-1)
const { host = '', port: number = 0, password = '' } = server?.parameters('postgres') ?? {}
const port = String(number)

/** A port at which nobody listens. */
async function closedPort(): Promise<number> {
  const listener = createServer()
  await new Promise<void>((resolve) => listener.listen(0, '127.0.0.1', resolve))
  // of a listening TCP server
  const { port: free } = listener.address() as AddressInfo
  await new Promise((resolve) => listener.close(resolve))
  return free
}

const archive = fixture('18/filter-Fc.dump').file

async function both(args: readonly string[], env: Readonly<Record<string, string>> = {}) {
  if (server === undefined) throw new Error(withoutServers)
  // without the files of whoever runs the tests
  const options = { env: { HOME: folder, ...env }, timeout: 60_000 }
  // a section without entries: it connects and restores nothing
  const given = [...args, '--section=post-data', '-t', 'none_of_this_name', archive]
  const real = await run(server.pgRestore, given, options)
  const ours = await run(process.execPath, [cli, 'pg_restore', '--compat', server.version, ...given], options)
  return {
    real: [real.status, withoutPath(real.stderr)],
    ours: [ours.status, withoutPath(ours.stderr)],
  }
}

describe.skipIf(server === undefined)(server === undefined ? withoutServers : 'a connection', () => {
  const uri = `postgresql://postgres:${password}@${host}:${port}/postgres`

  test.each([
    ['a URI', [`-d`, uri], {}],
    ['a URI that prefers TLS where there is none', ['-d', `${uri}?sslmode=prefer`], {}],
    ['key=value', ['-d', `host=${host} port=${port} user=postgres password=${password} dbname=postgres`], {}],
    ['options and PGPASSWORD', ['-h', host, '-p', port, '-U', 'postgres', '-d', 'postgres'], { PGPASSWORD: password }],
    ['variables', ['-d', 'postgres'], { PGHOST: host, PGPORT: port, PGUSER: 'postgres', PGPASSWORD: password }],
    [
      'several hosts',
      ['-d', `host=${host},${host} port=1,${port} user=postgres password=${password} dbname=postgres`],
      {},
    ],
    ['options that are empty', ['-h', '', '-p', '', '-U', '', '-d', uri], {}],
    [
      'a URI with an empty password',
      ['-d', `postgresql://postgres:@${host}:${port}/postgres`],
      { PGPASSWORD: password },
    ],
    ['channel_binding=disable', ['-d', `${uri}?channel_binding=disable`], {}],
    ['sslcertmode=disable', ['-d', `${uri}?sslcertmode=disable`], {}],
    ['PGREQUIRESSL beside PGSSLMODE', ['-d', uri], { PGREQUIRESSL: '1', PGSSLMODE: 'disable' }],
  ])('is made by %s', async (_, args, env) => {
    const { real, ours } = await both(args, env)
    expect(ours).toEqual(real)
    expect(ours).toEqual([0, ''])
  })

  test('is made with a password file and a service', async () => {
    const pgpass = join(folder, 'pass')
    writeFileSync(pgpass, `${host}:${port}:*:postgres:${password}\n`, { mode: 0o600 })
    const services = join(folder, 'services')
    writeFileSync(services, `[there]\nhost=${host}\nport=${port}\nuser=postgres\ndbname=postgres\n`)
    const { real, ours } = await both(['-d', 'service=there'], { PGPASSFILE: pgpass, PGSERVICEFILE: services })
    expect(ours).toEqual(real)
    expect(ours).toEqual([0, ''])
    expect(existsSync(pgpass)).toBe(true)
  })

  test('tells a password file whose password is wrong', async () => {
    const pgpass = join(folder, 'wrong')
    writeFileSync(pgpass, `*:*:*:*:wrong\n`, { mode: 0o600 })
    const { real, ours } = await both(['-d', `host=localhost port=${port} user=postgres dbname=postgres`], {
      PGPASSFILE: pgpass,
    })
    expect(ours).toEqual(real)
    expect(ours[1]).toContain(`(127.0.0.1), port ${port} failed`)
    expect(ours[1]).toContain(`password retrieved from file "${pgpass}"`)
  })

  test('is not made with a password file that others may read, which is said once', async () => {
    const open = join(folder, 'open')
    writeFileSync(open, `*:*:*:*:${password}\n`)
    chmodSync(open, 0o644)
    const env = { PGPASSFILE: open, PGSSLMODE: 'prefer' }
    const { real, ours } = await both(['-w', '-h', host, '-p', port, '-U', 'postgres', '-d', 'postgres'], env)
    expect(ours).toEqual(real)
    expect(ours).toEqual([1, expect.stringMatching(/^WARNING: password file .*\n.*no password supplied\n$/)])
  })

  const wrong = `postgresql://postgres:wrong@${host}:${port}`
  test.each([
    ['a wrong password', ['-d', `${wrong}/postgres`]],
    ['a database that is not there', ['-d', `${uri}_not_there`]],
    ['TLS that the server does not have', ['-d', `${uri}?sslmode=require`]],
    ['a host that does not exist', ['-d', 'host=none.invalid dbname=x']],
    [
      'a wrong password at the first of two servers, of which the second is not asked',
      ['-d', `host=localhost,${host} port=${port} user=postgres password=wrong dbname=postgres`],
    ],
    [
      'a database that the first of two servers does not have',
      ['-d', `host=${host},${host} port=${port} user=postgres password=${password} dbname=not_there sslmode=allow`],
    ],
    ['TLS that the first of two servers does not have', ['-d', `host=${host},${host} port=${port} sslmode=require`]],
    ['an address that is none', ['-d', `hostaddr=nobody port=${port} dbname=x`]],
    ['a time that is no number', ['-d', `${uri}?connect_timeout=1.5`]],
    ['keepalives that are no number', ['-d', `${uri}?keepalives_idle=x`]],
    ['a gssencmode that does not exist', ['-d', `${uri}?gssencmode=maybe`]],
    ['a port that is too large a number', ['-d', 'host=127.0.0.1 port=99999999999 dbname=x']],
    ['a parameter that does not exist', ['-d', 'hosst=x']],
    ['a parameter of a URI that does not exist', ['-d', 'postgres://h/d?nope=1']],
    ['a value without a name', ['-d', 'dbname=x host']],
    ['an open quote', ['-d', "dbname='x"]],
    ['a percent sign that begins no code', ['-d', 'postgres://h%zz/d']],
    ['a service that is not there', ['-d', 'service=none']],
    ['a port that is no number', ['-d', 'host=127.0.0.1 port=abc dbname=x']],
    ['a port that is none', ['-d', 'host=127.0.0.1 port=70000 dbname=x']],
    ['an sslmode that does not exist', ['-d', 'sslmode=maybe dbname=x']],
    ['channel binding without TLS', ['-d', `${uri}?channel_binding=require`]],
    ['a channel_binding that does not exist', ['-d', 'channel_binding=maybe dbname=x']],
    ['a release of TLS that does not exist', ['-d', `${uri}?ssl_min_protocol_version=TLSv9`]],
    ['releases of TLS the wrong way round', ['-d', `${uri}?ssl_max_protocol_version=tlsv1.1`]],
    ['an sslcertmode that does not exist', ['-d', `${uri}?sslcertmode=maybe`]],
    ['the roots of the system with a weak sslmode', ['-d', `${uri}?sslrootcert=system&sslmode=require`]],
    ['the roots of the system where there is no TLS', ['-d', `${uri}?sslrootcert=system`]],
    ['an address that is not closed', ['-d', 'postgresql://[::1/d']],
    ['a password that is missing', ['-w', '-d', `host=${host} port=${port} user=postgres dbname=postgres`]],
    ['a certificate that is missing', ['-d', `${uri}?sslmode=verify-full`]],
  ])('is refused as by pg_restore for %s', async (_, args) => {
    const { real, ours } = await both(args)
    expect(ours).toEqual(real)
    expect(ours[0]).toBe(1)
  })

  describe.skipIf((server?.major ?? 0) < 17)('with what libpq knows since 17', () => {
    test.each([
      ['target_session_attrs=any', ['-d', `${uri}?target_session_attrs=any`], {}],
      ['target_session_attrs=read-write', ['-d', `${uri}?target_session_attrs=read-write`], {}],
      ['target_session_attrs=primary', ['-d', `${uri}?target_session_attrs=primary`], {}],
      ['target_session_attrs=prefer-standby', ['-d', `${uri}?target_session_attrs=prefer-standby`], {}],
      [
        'target_session_attrs=read-only',
        ['-d', `${uri}?target_session_attrs=read-only`],
        { PGOPTIONS: '-c default_transaction_read_only=on' },
      ],
      ['load_balance_hosts=random', ['-d', `${uri}?load_balance_hosts=random`], {}],
      ['sslnegotiation=postgres', ['-d', `${uri}?sslnegotiation=postgres`], {}],
    ])('is made with %s', async (_, args, env) => {
      const { real, ours } = await both(args, env)
      expect(ours).toEqual(real)
      expect(ours).toEqual([0, ''])
    })

    test.each([
      ['a session that is not read-only', ['-d', `${uri}?target_session_attrs=read-only`]],
      ['a server that is no standby', ['-d', `${uri}?target_session_attrs=standby`]],
      ['a target_session_attrs that does not exist', ['-d', `${uri}?target_session_attrs=sometimes`]],
      ['two parameters that are wrong', ['-d', `${uri}?load_balance_hosts=so&target_session_attrs=so`]],
      [
        'sessions that are read-only on every host',
        [
          '-d',
          `host=${host},${host} port=${port} user=postgres password=${password} dbname=postgres target_session_attrs=read-write options='-c default_transaction_read_only=on'`,
        ],
      ],
      ['a load_balance_hosts that does not exist', ['-d', `${uri}?load_balance_hosts=maybe`]],
      ['an sslnegotiation that does not exist', ['-d', `${uri}?sslnegotiation=maybe`]],
      ['direct TLS with a weak sslmode', ['-d', `${uri}?sslnegotiation=direct&sslmode=prefer`]],
      ['direct TLS where there is none', ['-d', `${uri}?sslnegotiation=direct&sslmode=require`]],
    ])('is refused as by pg_restore for %s', async (_, args) => {
      const { real, ours } = await both(args)
      expect(ours).toEqual(real)
      expect(ours[0]).toBe(1)
    })
  })

  test('is refused as by pg_restore for PGREQUIRESSL where there is no TLS', async () => {
    const { real, ours } = await both(['-d', uri], { PGREQUIRESSL: '1' })
    expect(ours).toEqual(real)
    expect(ours[0]).toBe(1)
  })

  test('is refused as by pg_restore where nobody listens', async () => {
    const free = await closedPort()
    const { real, ours } = await both(['-d', `host=127.0.0.1 port=${free} dbname=x`])
    expect(ours).toEqual(real)
    expect(ours[1]).toContain('Connection refused')
  })
})
