import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { countRows, finish, open, restore } from '../../src/index.ts'
import { connectPg, type PgTarget } from '../../src/restore/pg.ts'
import { run } from '../helpers/process.ts'
import { inNewDatabase, servers, withoutServers } from '../helpers/servers.ts'

/* What `finish()` finds in a database that was restored, and then was changed in all the ways that it looks for. */

const folder = mkdtempSync(join(tmpdir(), 'pgdmp-finish-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const source = `
  CREATE SCHEMA app;
  CREATE TABLE app.parent (id serial PRIMARY KEY, n int);
  CREATE TABLE app.child (id int GENERATED ALWAYS AS IDENTITY, parent int);
  ALTER TABLE app.child ADD CONSTRAINT later CHECK (parent > 1) NOT VALID;
  ALTER TABLE app.child ADD CONSTRAINT refers FOREIGN KEY (parent) REFERENCES app.parent;
  CREATE TABLE app.split (id int, at int) PARTITION BY RANGE (at);
  CREATE TABLE app.split_1 PARTITION OF app.split FOR VALUES FROM (0) TO (10);
  CREATE TABLE app.split_2 PARTITION OF app.split FOR VALUES FROM (10) TO (20);
  CREATE MATERIALIZED VIEW app.sums AS SELECT count(*) AS rows FROM app.parent;
  CREATE MATERIALIZED VIEW app.bare AS SELECT count(*) AS rows FROM app.parent WITH NO DATA;
  INSERT INTO app.parent (n) SELECT generate_series(1, 50);
  INSERT INTO app.child (parent) SELECT id FROM app.parent WHERE id > 1;
  INSERT INTO app.split SELECT i, i % 20 FROM generate_series(1, 100) i;
  REFRESH MATERIALIZED VIEW app.sums`

const spoil = `
  SELECT setval('app.parent_id_seq', 7);
  ALTER TABLE app.child ADD CONSTRAINT fine CHECK (id > 0) NOT VALID;
  ALTER TABLE app.child ADD CONSTRAINT broken CHECK (id > 5) NOT VALID;
  DELETE FROM app.split_2 WHERE at = 15;
  REFRESH MATERIALIZED VIEW app.sums WITH NO DATA;
  ALTER TABLE app.child DISABLE TRIGGER ALL`

/** A sequence that two tables share, a trigger that is off, and rows that the owner of the rest may not see. */
const owned = [
  'CREATE SEQUENCE shared',
  `CREATE TABLE a (id int DEFAULT nextval('shared'))`,
  `CREATE TABLE b (id int DEFAULT nextval('shared'))`,
  'CREATE TABLE bare (d int)',
  'CREATE TABLE p (x int) PARTITION BY LIST (x)',
  'CREATE TABLE p1 PARTITION OF p FOR VALUES IN (1)',
  `CREATE FUNCTION same() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END'`,
  'CREATE TRIGGER off AFTER INSERT ON p FOR EACH ROW EXECUTE FUNCTION same()',
  'ALTER TABLE p DISABLE TRIGGER off',
  'INSERT INTO a SELECT FROM generate_series(1, 30)',
  'INSERT INTO b SELECT FROM generate_series(1, 30)',
  'INSERT INTO bare VALUES (NULL)',
]
const notNull = ['ALTER TABLE bare ADD CONSTRAINT present NOT NULL d NOT VALID']

const chosen = servers.filter(({ major }) => major === 13 || major === 18)

describe.skipIf(chosen.length === 0)(chosen.length === 0 ? withoutServers : 'finish()', () => {
  test.each(chosen.map((server) => [server.major, server] as const))(
    'says what is wrong, mends what can be mended, and has nothing to say where all is well: %i',
    async (major, server) => {
      const file = join(folder, `${major}.dump`)
      await inNewDatabase(server, async (name) => {
        server.ask(
          source.split(';').filter((sql) => sql.trim() !== ''),
          name,
        )
        const { stderr } = await run(server.pgDump, ['-Fc', '-f', file, '-d', server.database(name)])
        expect(stderr).toBe('')
      })
      await inNewDatabase(server, async (name) => {
        await using archive = await open(file)
        const target = await connectPg(server.parameters(name))
        try {
          const { view, rows } = countRows(archive)
          const { failed } = await restore(view, target, { compat: server.version })
          expect(failed).toBe(0)
          let opened = 0
          const another = async (): Promise<PgTarget> => {
            opened++
            return await connectPg(server.parameters(name))
          }
          const well = await finish(view, target, { rows, jobs: 2, another })
          expect(well).toEqual({
            good: true,
            analyzed: 5,
            counted: 4,
            rows: [],
            incomplete: [],
            sequences: [],
            validated: [],
            notValid: ['app.child later'],
            invalidIndexes: [],
            incompleteIndexes: [],
            unpopulated: [],
            disabledTriggers: [],
            refused: [],
          })
          expect(opened).toBe(1)
          expect(server.ask([`SELECT count(*) FROM pg_stat_activity WHERE datname = '${name}'`]).trim()).toBe('1')
          const analyzed = `SELECT count(DISTINCT tablename) FROM pg_stats WHERE schemaname = 'app'`
          expect(server.ask([analyzed], name).trim()).toBe('6')

          server.ask(
            spoil.split(';').filter((sql) => sql.trim() !== ''),
            name,
          )
          expect(() => server.ask(['CREATE UNIQUE INDEX CONCURRENTLY twice ON app.split_1 (at)'], name)).toThrow(
            'twice',
          )
          // as if the COPY of the parent had failed
          const parent = view.toc.find(({ desc, tag }) => desc === 'TABLE DATA' && tag === 'parent')?.dumpId
          const sent = new Map([...rows].filter(([dumpId]) => dumpId !== parent))
          const ill = await finish(view, target, { rows: sent, analyze: false })
          expect(ill).toMatchObject({
            good: false,
            analyzed: 0,
            counted: 3,
            incomplete: ['app.parent'],
            rows: [{ table: 'app.split_2', expected: 50, found: 45 }],
            sequences: [{ sequence: 'app.parent_id_seq', column: 'app.parent.id', from: '7', to: '50' }],
            validated: ['app.child fine'],
            invalidIndexes: ['app.twice'],
            unpopulated: ['app.sums'],
            refused: [{ step: 'constraint', object: 'app.child broken', sqlState: '23514' }],
          })
          expect(ill.disabledTriggers.every((trigger) => trigger.startsWith('app.child RI_ConstraintTrigger'))).toBe(
            true,
          )
          expect(ill.disabledTriggers).toHaveLength(2)
          expect(server.ask([`SELECT nextval('app.parent_id_seq')`], name).trim()).toBe('51')
        } finally {
          await target.end()
        }
      })
    },
    60_000,
  )

  test.each(chosen.map((server) => [server.major, server] as const))(
    'takes what is as in the archive for good, whoever the restore became last: %i',
    async (major, server) => {
      const file = join(folder, `owned-${major}.dump`)
      const owner = `pgdmp_finish_${process.pid}`
      server.ask([`CREATE ROLE ${owner}`])
      try {
        await inNewDatabase(server, async (name) => {
          server.ask([...owned, ...(major >= 18 ? notNull : [])], name)
          for (const table of ['shared', 'a', 'b', 'p', 'p1'])
            server.ask([`ALTER TABLE ${table} OWNER TO ${owner}`], name)
          await run(server.pgDump, ['-Fc', '-f', file, '-d', server.database(name)])
        })
        await inNewDatabase(server, async (name) => {
          await using archive = await open(file)
          const target = await connectPg(server.parameters(name))
          try {
            const { view, rows } = countRows(archive)
            const options = { compat: server.version, useSetSessionAuthorization: true }
            server.ask([`GRANT CREATE ON SCHEMA public TO ${owner}`], name)
            expect(await restore(view, target, options)).toMatchObject({ failed: 0 })
            const [last] = await target.rows('SELECT session_user')
            expect(last).toEqual([owner])
            server.ask([`SELECT setval('shared', 7)`], name)
            expect(await finish(view, target, { rows, jobs: 2 })).toMatchObject({
              good: true,
              counted: 4,
              sequences: [{ sequence: 'public.shared', column: 'public.b.id', from: '7', to: '60' }],
              notValid: major >= 18 ? ['public.bare present'] : [],
              disabledTriggers: [],
            })
            expect(server.ask([`SELECT nextval('shared')`], name).trim()).toBe('61')
            // one that may not read all: that of the session, or one that is named, in every session
            await target.query(Buffer.from(`SET ROLE ${owner}`))
            for (const role of [{}, { role: owner }]) {
              const { refused } = await finish(view, target, { rows, jobs: 4, analyze: false, ...role })
              expect(refused).toMatchObject([{ step: 'rows', object: 'public.bare', sqlState: '42501' }])
              expect(await target.rows('SELECT current_user')).toEqual([[owner]])
              await target.query(Buffer.from('RESET ROLE'))
            }
          } finally {
            await target.end()
          }
        })
      } finally {
        server.ask([`DROP ROLE ${owner}`])
      }
    },
    60_000,
  )
})
