import { expect, test } from 'vitest'
import { programConnection } from '../../../src/cli/dump-source.ts'
import { parseConnectionString } from '../../../src/libpq/connection-string.ts'

test('programConnection() hands options on as they are, and names as pg_dumpall takes them', () => {
  const { args, env } = programConnection({ dbname: 'app', host: 'h', port: '1', user: 'u', password: 'never' })
  expect([args, env]).toEqual([['-h', 'h', '-p', '1', '-U', 'u', '-w', '-d', "dbname='app'"], {}])
  expect(programConnection({ dbname: undefined })).toEqual({ args: [], env: {} })
})

test.each([
  ['postgresql://me:se%20cret@a:1,b:2/my%20db?sslmode=require&application_name=x%27y%5C', 'se cret'],
  ["host=/tmp password='it \\'s' dbname='a b'", "it 's"],
  ['postgres://a/b?password=p', 'p'],
])('programConnection() takes the password out of %s, and nothing else', (dbname, password) => {
  const { args, env } = programConnection({ dbname })
  expect(env).toEqual({ PGPASSWORD: password })
  const [flag, text = ''] = args
  expect([flag, args.length]).toEqual(['-d', 2])
  const expected = parseConnectionString(dbname)
  expected.delete('password')
  expect(parseConnectionString(text)).toEqual(expected)
})

test('programConnection() puts one in the connection string before one that was typed, as libpq does', () => {
  expect(programConnection({ dbname: 'password=a' }, 'b').env).toEqual({ PGPASSWORD: 'a' })
  expect(programConnection({ dbname: 'host=x' }, 'b').env).toEqual({ PGPASSWORD: 'b' })
})
