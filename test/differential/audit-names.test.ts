import { execFileSync, spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { open } from '../../src/archive.ts'
import { audit } from '../../src/audit/audit.ts'
import { auditData } from '../../src/audit/audit-data.ts'
import { postRestoreSql } from '../../src/audit/post-restore.ts'
import { rolesSql } from '../../src/audit/roles-sql.ts'
import { convert } from '../../src/ops/convert.ts'
import { rewriteOwner } from '../../src/ops/rewrite-owner.ts'
import { servers, withoutServers, type Server } from '../helpers/servers.ts'

/*
 * Roles whose names are key words without quotes, or hold what no terminal should be shown: what the audit and the
 * renaming make of them is compared with what a server makes of the dump.
 */

const folder = mkdtempSync(join(tmpdir(), 'pgdmp-audit-names-'))
const name = `pgdmp_names_${process.pid}`
const odd = `pgdmp "odd\n\u001b[31m' \\ \u202e${process.pid}`
const roles = ['PUBLIC', 'current_user', odd]
const ident = (text: string): string => `"${text.replaceAll('"', '""')}"`

if (servers.length === 0) test('names of roles mean what they mean to the server', ({ skip }) => skip(withoutServers))

afterAll(() => rmSync(folder, { recursive: true, force: true }))

const setUp = [
  ...roles.map((role) => `CREATE ROLE ${ident(role)}`),
  `CREATE TABLE open (id serial)`,
  `INSERT INTO open DEFAULT VALUES`,
  `GRANT SELECT ON open TO "PUBLIC", "current_user", ${ident(odd)}`,
  `GRANT INSERT ON open TO "public"`,
  `CREATE TABLE closed (id integer)`,
  `GRANT SELECT ON closed TO "PUBLIC"`,
  `CREATE FUNCTION f() RETURNS integer LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET role = 'none' AS 'SELECT 1'`,
  `REVOKE ALL ON FUNCTION f() FROM PUBLIC`,
  `GRANT EXECUTE ON FUNCTION f() TO "PUBLIC"`,
  `CREATE POLICY p ON closed TO "PUBLIC" USING (true)`,
  `CREATE POLICY q ON closed TO "public" USING (true)`,
  `CREATE SCHEMA "PUBLIC" AUTHORIZATION "PUBLIC"`,
  `GRANT CREATE ON SCHEMA "PUBLIC" TO "PUBLIC"`,
  `ALTER DEFAULT PRIVILEGES FOR ROLE "PUBLIC" IN SCHEMA "PUBLIC" GRANT SELECT ON TABLES TO "PUBLIC"`,
  `ALTER TABLE closed OWNER TO ${ident(odd)}`,
  `CREATE TABLE ${ident(odd)} (id serial)`,
  `INSERT INTO ${ident(odd)} DEFAULT VALUES`,
]

/** What is granted on tables, by whom it is granted to; everybody has no role. */
const granted = `SELECT relname, coalesce(r.rolname, '(everybody)'), string_agg(privilege_type, ',' ORDER BY privilege_type)
  FROM pg_class CROSS JOIN aclexplode(relacl) LEFT JOIN pg_roles r ON r.oid = grantee
  WHERE relname IN ('open', 'closed') AND grantee <> relowner GROUP BY 1, 2 ORDER BY 1, 2`

/** What a script must not have: controls but the ends of lines, and what reverses text. */
const unfit = /[^\P{Cc}\n]|\u202e/u

describe.each(servers.map((server) => [server.major, server] as const))('a server of %i', (major, server: Server) => {
  const file = join(folder, `names-${major}.dump`)
  const create = (): string =>
    server.ask([`CREATE DATABASE ${name} TEMPLATE template0 ENCODING 'UTF8' LC_COLLATE 'C' LC_CTYPE 'C'`])
  const drop = (): void => {
    server.ask([`DROP DATABASE IF EXISTS ${name}`])
    for (const role of [...roles, 'user']) server.ask([`DROP ROLE IF EXISTS ${ident(role)}`])
  }
  const run = (script: string): string => {
    const path = join(folder, 'script.sql')
    writeFileSync(path, script)
    const args = ['-XqAt', '-v', 'ON_ERROR_STOP=1', '-d', server.database(name), '-f', path]
    return execFileSync(server.psql, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] })
  }
  const restore = (path: string): string =>
    spawnSync(server.pgRestore, ['-d', server.database(name), path], { encoding: 'utf8' }).stderr

  test(
    'roles called "PUBLIC" or with an escape in their name are roles, made by that name',
    { timeout: 300_000 },
    async () => {
      drop()
      try {
        create()
        server.ask(setUp, name)
        const before = server.ask([granted], name)
        expect(before).toContain('open|PUBLIC|SELECT\n')
        expect(before).toContain('open|(everybody)|INSERT\n')
        execFileSync(server.pgDump, ['-Fc', '-f', file, '-d', server.database(name)])
        drop()

        await using archive = await open(file)
        const { findings, inventory } = await audit(archive)
        const found = (rule: string): string[] =>
          findings.filter((one) => one.rule === rule).map(({ object }) => object)
        expect(found('grant-on-table-to-public')).toEqual(['TABLE public.open'])
        for (const rule of ['grant-on-schema', 'grant-on-object', 'default-privileges'])
          expect(found(`${rule}-to-public`)).toEqual([])
        expect(found('security-definer-for-everybody')).toEqual([])
        const needed = ['PUBLIC', 'current_user', 'postgres', odd].sort()
        expect(found('needs-role').sort()).toEqual(needed)
        const isOf = (type: string, object: string) => (one: { type: string; object: string }) =>
          one.type === type && one.object === object
        const ofOpen = inventory.privileges.filter(isOf('TABLE', 'public.open'))
        expect(ofOpen.map(({ role, privileges }) => [role, privileges])).toEqual(
          expect.arrayContaining([
            ['PUBLIC', ['INSERT']],
            ['"PUBLIC"', ['SELECT']],
            ['current_user', ['SELECT']],
          ]),
        )
        expect(inventory.roles.find((role) => role.name === '"PUBLIC"')).toMatchObject({ owns: 1, policies: 1 })
        expect(inventory.roles.find((role) => role.name === 'PUBLIC')).toMatchObject({ owns: 0, policies: 1 })

        create()
        const script = rolesSql(archive)
        expect(script).not.toMatch(unfit)
        run(script)
        run(script)
        const names = roles.map((role) => `convert_to(${`'${role.replaceAll("'", "''")}'`}, 'UTF8')`).join(', ')
        const made = `SELECT count(*) FROM pg_roles WHERE convert_to(rolname, 'UTF8') IN (${names})`
        expect(server.ask([made]).trim()).toBe('3')
        expect(restore(file)).toBe('')
        expect(server.ask([granted], name)).toBe(before)

        server.ask([`SELECT setval('${ident(`${odd}_id_seq`).replaceAll("'", "''")}', 1, false)`], name)
        const after = postRestoreSql(archive, { data: await auditData(archive) })
        expect(after).not.toMatch(unfit)
        expect(after).toContain('U&"')
        run(after)
        server.ask([`DROP DATABASE ${name}`])

        create()
        server.ask(['CREATE ROLE "user"'])
        const moved = join(folder, `moved-${major}.dump`)
        await convert(rewriteOwner(archive, new Map([['PUBLIC', 'user']])), moved)
        expect(restore(moved)).toBe('')
        expect(server.ask([granted], name).split('\n').sort()).toEqual(
          before.replaceAll('|PUBLIC|', '|user|').split('\n').sort(),
        )
      } finally {
        drop()
      }
    },
  )
})
