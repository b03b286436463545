import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { filter, open, toSql } from '../../src/index.ts'
import { run } from '../helpers/process.ts'
import { servers, withoutServers } from '../helpers/servers.ts'
import { tocBytes } from '../unit/format/build-archive.ts'

/*
 * Scripts of archives whose database has a hostile name are fed to the real psql: it must come to the database of that
 * very name, and do nothing else. What it runs besides shows in a file `ran`.
 */

const folder = mkdtempSync(join(tmpdir(), 'pgdmp-connect-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))
const mark = join(folder, 'ran')

const names = [
  'a b',
  "a'b",
  'a"b',
  String.raw`a\b`,
  String.raw`a\'b\"c\\`,
  String.raw`\! touch ran`,
  String.raw`" \! touch ran "`,
  String.raw`' \! touch ran '`,
  String.raw`x\" \! touch ran`,
  '`touch ran`',
  '"`touch ran`"',
  '$(touch ran)',
  ':HOST :DBNAME :"USER"',
  'x dbname=postgres',
  'dbname=postgres host=127.0.0.9',
  "x' host='127.0.0.9",
  'postgresql://127.0.0.9/postgres',
  '-reuse-previous=off',
  '-',
  'a;b--c/*',
  '$a$',
  '\t',
  ' ',
  'ü€😀',
  'postgres.public',
  '\u001b[31m',
]

function archiveOf(name: string): Uint8Array {
  const rest = { copyStmt: null, offset: null }
  return tocBytes([
    { dumpId: 1, desc: 'ENCODING', tag: 'ENCODING', defn: "SET client_encoding = 'UTF8';\n", ...rest },
    { dumpId: 2, desc: 'STDSTRINGS', tag: 'STDSTRINGS', defn: "SET standard_conforming_strings = 'on';\n", ...rest },
    { dumpId: 3, desc: 'DATABASE', tag: name, defn: 'SELECT 1;\n', ...rest },
    { dumpId: 4, desc: 'TABLE', tag: 't', defn: "SELECT 'at: ' || current_database();\n", ...rest },
  ])
}

if (servers.length === 0) test('hostile names of databases', ({ skip }) => skip(withoutServers))

describe.skipIf(servers.length === 0)('\\connect', () => {
  test.each(servers)('of psql $major comes to every database by its name', { timeout: 300_000 }, async (server) => {
    const files: string[] = []
    for (const [at, name] of names.entries()) {
      await using archive = await open(archiveOf(name))
      const file = join(folder, `${at}.sql`)
      // in the words of a server of that release
      const compat = String(server.major)
      const view = filter(archive, { create: true }, { compat })
      writeFileSync(file, await toSql(view, { restrictKey: false, safe: true, compat }).bytes())
      files.push('-f', file)
    }
    const quoted = names.map((name) => `"${name.replaceAll('"', '""')}"`)
    server.ask(quoted.map((name) => `CREATE DATABASE ${name}`))
    try {
      const args = ['-XAtq', '-v', 'ON_ERROR_STOP=1', '-d', server.database('postgres'), ...files]
      const env = { PGCLIENTENCODING: 'UTF8' }
      const { status, stdout, stderr } = await run(server.psql, args, { cwd: folder, env, timeout: 240_000 })
      expect({ status, stderr }).toEqual({ status: 0, stderr: '' })
      const lines = stdout.toString().split('\n')
      expect(lines.filter((line) => line.startsWith('at: '))).toEqual(names.map((name) => `at: ${name}`))
      expect(existsSync(mark)).toBe(false)
    } finally {
      server.ask(quoted.map((name) => `DROP DATABASE IF EXISTS ${name}`))
    }
  })

  test.each(['a\nb', 'a\r\\! touch ran\r', '\n'])('to %j, which no line can say, is refused', async (name) => {
    await using archive = await open(archiveOf(name))
    await expect(toSql(filter(archive, { create: true })).bytes()).rejects.toMatchObject({ code: 'UNSUPPORTED' })
  })
})
