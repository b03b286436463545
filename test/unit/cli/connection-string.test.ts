import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { connectionParameters } from '../../../src/cli/connection.ts'
import { passwordFromFile } from '../../../src/cli/connection-files.ts'
import { parseConnectionString } from '../../../src/libpq/connection-string.ts'

const folder = mkdtempSync(join(tmpdir(), 'pgdmp-connection-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const parsed = (text: string): Record<string, string> => Object.fromEntries(parseConnectionString(text))

describe('parseConnectionString()', () => {
  // the URIs of libpq's own test (src/interfaces/libpq/t/001_uri.pl) that it takes
  test.each([
    ['postgresql://uri-user:secret@host:12345/db', 'user=uri-user password=secret host=host port=12345 dbname=db'],
    ['postgresql://uri-user@host/', 'user=uri-user host=host'],
    ['postgresql://host:12345', 'host=host port=12345'],
    ['postgresql://', ''],
    ['postgresql:///db', 'dbname=db'],
    ['postgres://ho%3Fst', 'host=ho?st'],
    ['postgresql://?hostaddr=127.0.0.1', 'hostaddr=127.0.0.1'],
    ['postgresql://[::1]:1234/d', 'host=::1 port=1234 dbname=d'],
    ['postgresql://%2Fvar%2Flib/db?port=5', 'host=/var/lib dbname=db port=5'],
    ['postgresql://a:1,b:2/db?target_session_attrs=any', 'host=a,b port=1,2 dbname=db target_session_attrs=any'],
    ['postgresql://host/db?ssl=true', 'host=host dbname=db sslmode=require'],
    ['postgresql://u:p%40%3A@h', 'user=u password=p@: host=h'],
    ['postgresql://u:@h', 'user=u host=h'],
    ['postgresql://u:p?q:r@h/d', 'user=u password=p?q:r host=h dbname=d'],
    ['postgresql://h/d?port=1&', 'host=h dbname=d port=1'],
    ['postgresql:// u : p @ h :7/ d ?port= 8 ', 'user=u password=p host=h port=8 dbname=d'],
    ['postgresql://h/d?requiressl=1', 'host=h dbname=d sslmode=require'],
    ['postgresql://h1:1,[::1]:2,h3/d', 'host=h1,::1,h3 port=1,2, dbname=d'],
    ['postgresql://h/d?oauth_issuer=x', 'host=h dbname=d oauth_issuer=x'],
  ])('reads %s', (uri, expected) => {
    const pairs = expected.split(' ').filter((pair) => pair !== '')
    expect(parsed(uri)).toEqual(Object.fromEntries(pairs.map((pair) => pair.split('='))))
  })

  test('reads quotes and escapes in key=value', () => {
    expect(parsed(`host=a  dbname = 'it\\'s \\\\ b' user=x\\ y password=''`)).toEqual({
      host: 'a',
      dbname: `it's \\ b`,
      user: 'x y',
      password: '',
    })
  })
})

describe('parseConnectionString() with what is wrong', () => {
  test('takes for white space what C does', () => {
    expect(parsed('host=a\fport=1\vuser=\u00a0')).toEqual({ host: 'a', port: '1', user: '\u00a0' })
  })

  test.each([
    ['postgresql://[]/d', 'IPv6 host address may not be empty in URI'],
    ['postgresql://[::1]x/d', 'unexpected character "x" at position 19 in URI'],
    ['postgresql://h/d?port=1&&user=u', 'missing key/value separator'],
    ['postgresql://h/d?port=1=2', 'extra key/value separator "=" in URI query parameter: "port"'],
    ['postgresql://h/d?application_name=a b', 'unexpected spaces found in "a b"'],
    ['host=h servicefile=f', 'invalid connection option "servicefile"'],
  ])('refuses %s', (text, message) => {
    expect(() => parsed(text)).toThrow(message)
  })

  test.each([
    'postgresql://u:secret?x@[::1/d',
    'postgresql://h/d?scram_client_key=secret%zz',
    'postgresql://u:secret@[::1/d',
    'postgresql://u:secret%zz@h/d',
    'postgresql://u:secret%00@h/d',
    'postgresql://[::1/d?password=secret&host=x',
    'postgresql://h/d?password=secret%zz',
  ])('shows no password: %s', (uri) => {
    expect(() => parsed(uri)).toThrow(expect.objectContaining({ message: expect.not.stringContaining('secret') }))
  })
})

describe('connectionParameters()', () => {
  test('takes what is empty for not given', async () => {
    const env = { PGHOST: 'h', PGPORT: '7', PGUSER: 'u', PGPASSWORD: 'p' }
    const found = await connectionParameters({ dbname: 'd', host: '', port: '', user: '', password: '' }, env)
    expect(Object.fromEntries(found)).toEqual({ dbname: 'd', host: 'h', port: '7', user: 'u', password: 'p' })
  })

  test.each([
    [{ PGREQUIRESSL: '1' }, '', 'require'],
    [{ PGREQUIRESSL: '0' }, '', undefined],
    [{ PGREQUIRESSL: '1', PGSSLMODE: 'disable' }, '', 'disable'],
    [{}, 'sslrootcert=system', 'verify-full'],
    [{ PGREQUIRESSL: '1' }, 'sslrootcert=system', 'require'],
  ])('gives %o and "%s" the sslmode %s', async (env, text, mode) => {
    const found = await connectionParameters({ dbname: `${text} user=u dbname=d` }, env)
    expect(found.get('sslmode')).toBe(mode)
  })

  test('prefers the string to options, options to the service, the service to variables', async () => {
    const file = join(folder, 'services')
    writeFileSync(file, '# ours\n[other]\nhost=wrong\n[mine]\nhost=of-service\nport=7\nuser=of-service\n')
    const env = { PGSERVICEFILE: file, PGSERVICE: 'mine', PGPORT: '8', PGAPPNAME: 'of-env', PGUSER: 'of-env' }
    const found = await connectionParameters({ dbname: 'dbname=d host=of-string', host: 'h', user: 'of-option' }, env)
    expect(Object.fromEntries(found)).toMatchObject({
      dbname: 'd',
      host: 'of-string',
      user: 'of-option',
      port: '7',
      application_name: 'of-env',
    })
  })

  test.each([
    ['[mine] # ours\nhost=h\n', 'h'],
    ['[mine]\nhost=h\n[mine]\nhost=other\n', 'h'],
  ])('finds a service in %j', async (text, host) => {
    const file = join(folder, 'services-found')
    writeFileSync(file, text)
    const found = await connectionParameters({ dbname: 'service=mine' }, { PGSERVICEFILE: file })
    expect(found.get('host')).toBe(host)
  })

  test.each([
    [`[other]\n${'#'.repeat(1030)}\n[mine]\nhost=h\n`, 'line 2 too long in service file'],
    ['[mine]\nservicefile=x\n', 'syntax error in service file'],
    ['[mine]\nservice=x\n', 'nested service specifications not supported'],
  ])('refuses the service file %#', async (text, message) => {
    const file = join(folder, 'services-refused')
    writeFileSync(file, text)
    const env = { PGSERVICEFILE: file }
    await expect(connectionParameters({ dbname: 'service=mine' }, env)).rejects.toThrow(message)
  })

  test('takes a folder for a service file without services', async () => {
    const env = { PGSERVICEFILE: folder, PGSYSCONFDIR: folder }
    const found = connectionParameters({ dbname: 'service=mine' }, env)
    await expect(found).rejects.toThrow('definition of service "mine" not found')
  })

  test('makes options of the variables that set something of the session', async () => {
    const env = { PGTZ: 'UTC', PGDATESTYLE: 'ISO, DMY', PGGEQO: 'default', PGOPTIONS: '-c a=b' }
    const found = await connectionParameters({ dbname: 'd' }, env)
    expect(found.get('options')).toBe('-c a=b -c datestyle=ISO,\\ DMY -c timezone=UTC')
  })

  test('takes the user for the database where nothing names one', async () => {
    const found = await connectionParameters({ dbname: 'user=me' }, {})
    expect(found.get('dbname')).toBe('me')
  })
})

describe('passwordFromFile()', () => {
  const place = { host: 'h', port: '5432', dbname: 'd:b', user: 'u\\x' }
  const file = join(folder, 'pgpass')

  test('gives the password of the first line that fits, with escapes undone', async () => {
    writeFileSync(file, '# h:5432:d\nother:*:*:*:no\n*:5432:d\\:b:u\\\\x:se\\:cret\n*:*:*:*:later\n', { mode: 0o600 })
    expect(await passwordFromFile(file, place, () => undefined)).toBe('se:cret')
    expect(await passwordFromFile(file, { ...place, dbname: 'e' }, () => undefined)).toBe('later')
  })

  test('ends a password at a colon that is not escaped, as libpq does', async () => {
    writeFileSync(file, '*:*:*:*:one:two\n', { mode: 0o600 })
    expect(await passwordFromFile(file, place, () => undefined)).toBe('one')
  })

  test('does not use a file that others may read', async () => {
    writeFileSync(file, '*:*:*:*:secret\n')
    chmodSync(file, 0o644)
    const said: string[] = []
    expect(await passwordFromFile(file, place, (text) => said.push(text))).toBeUndefined()
    expect(said).toEqual([expect.stringContaining('has group or world access')])
  })
})
