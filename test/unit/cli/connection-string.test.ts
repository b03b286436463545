import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { connectionParameters } from '../../../src/cli/connection.ts'
import { passwordFromFile } from '../../../src/cli/connection-files.ts'
import { parseConnectionString } from '../../../src/cli/connection-string.ts'

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

  test('does not use a file that others may read', async () => {
    writeFileSync(file, '*:*:*:*:secret\n')
    chmodSync(file, 0o644)
    const said: string[] = []
    expect(await passwordFromFile(file, place, (text) => said.push(text))).toBeUndefined()
    expect(said).toEqual([expect.stringContaining('has group or world access')])
  })
})
