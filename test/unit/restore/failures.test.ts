import { expect, test } from 'vitest'
import { failureCause, FailureGroups } from '../../../src/restore/failures.ts'
import { ServerError } from '../../../src/restore/target.ts'

test('FailureGroups tells causes apart that it knew before it had too many', () => {
  const groups = new FailureGroups()
  const add = (message: string): void => {
    const error = new ServerError(message, { sqlState: 'P0001' })
    const failure = {
      stage: 'processing',
      entry: undefined,
      complaint: '',
      statement: 'SELECT 1',
      fatal: false,
    } as const
    groups.add({ ...failure, error })
  }
  for (let number = 0; number < 1000; number++) add(`cause ${number}`)
  for (const message of ['cause 7', 'cause 1000', 'cause 1001']) add(message)
  const counted = groups.list().filter(({ count }) => count > 1)
  expect(counted).toMatchObject([
    { cause: 'cause 7', count: 2 },
    { cause: 'other errors of SQLSTATE P0001', count: 2, messages: ['cause 1000', 'cause 1001'] },
  ])
})

const failure = { stage: 'processing', entry: undefined, complaint: '', fatal: false } as const

test.each([
  ['ALTER TABLE s.b OWNER TO "x y";', 'Rolle »x y« existiert nicht', 'roles that do not exist'],
  ['ALTER PUBLICATION pub OWNER TO xr1;', 'publication "pub" does not exist', 'objects that are not there'],
  ['ALTER EVENT TRIGGER et OWNER TO e;', 'event trigger "et" does not exist', 'objects that are not there'],
  ['GRANT SELECT(id) ON TABLE s.a TO xr1, xr2;', 'role "xr2" does not exist', 'roles that do not exist'],
  ['ALTER TABLE s.b OWNER TO e;', 'role "e" does not exist', 'roles that do not exist'],
  ['ALTER TABLE s.b OWNER TO "a.b*(";', 'role "a.b*(" does not exist', 'roles that do not exist'],
  ['GRANT ALL ON FOREIGN SERVER srv TO xr1;', 'server "srv" does not exist', 'objects that are not there'],
  ['CREATE POLICY p ON s.t TO xr2 USING ((k > 3));', 'role "xr2" does not exist', 'roles that do not exist'],
  ['CREATE POLICY p ON s.t USING ((k = (1)::s.d));', 'type "s.d" does not exist', 'objects that are not there'],
  ['CREATE USER MAPPING FOR a SERVER b;', 'server "b" does not exist', 'objects that are not there'],
  ["SET SESSION AUTHORIZATION 'a';", 'role "a" does not exist', 'roles that do not exist'],
  [
    'ALTER DEFAULT PRIVILEGES FOR ROLE a REVOKE ALL ON TABLES FROM b;',
    'role "b" does not exist',
    'roles that do not exist',
  ],
])('failureCause() takes only roles for roles: %s, %s', (statement, message, cause) => {
  const error = new ServerError(message, { sqlState: '42704' })
  expect(failureCause({ ...failure, statement, error })).toBe(cause)
})

test.each([
  ['ALTER TABLE ONLY app.t ADD CONSTRAINT t_pkey PRIMARY KEY (a);', 'objects that are there already'],
  [
    'ALTER TABLE IF EXISTS ONLY app."p 1" DROP CONSTRAINT IF EXISTS p_pkey;',
    'constraints of partitions that are dropped with those of their parents',
  ],
])('failureCause() takes what is inherited for nothing that is in the way: %s', (statement, cause) => {
  const error = new ServerError('no', { sqlState: '42P16' })
  expect(failureCause({ ...failure, statement, error })).toBe(cause)
})

test.each([
  ['2BP01', 'DROP TABLE s.a;', 'Kann Tabelle s.a nicht löschen', /^objects to drop that others depend on/],
  ['22021', 'COPY s.a FROM stdin;', 'invalid byte sequence for encoding "UTF8": 0x00', /^bytes that are no characters/],
  ['22P05', 'COPY s.a FROM stdin;', 'character with byte sequence 0xe2', /^characters that the encoding/],
  ['42501', 'COPY s.a FROM stdin;', 'query would be affected by row-level security policy', /^tables with row-level/],
  ['42501', 'COPY s.a FROM stdin;', 'permission denied for table a', /^privileges that the role does not have/],
  ['22023', 'SET ROLE r;', 'Rolle »r« existiert nicht', /^a role that cannot be taken on/],
  ['22023', 'SET default_table_access_method = h;', 'bad "default_table_access_method": "h"', /^table access methods/],
])('failureCause() tells what %s is about: %s, %s', (sqlState, statement, message, cause) => {
  const error = new ServerError(message, { sqlState })
  expect(failureCause({ ...failure, statement, error })).toMatch(cause)
})

test.each([
  ['ALTER EVENT TRIGGER e OWNER TO a;', 'The owner must be a superuser', true],
  ['ALTER SUBSCRIPTION s OWNER TO a;', undefined, false],
  ['ALTER TABLE t OWNER TO a;', 'a hint', false],
])('failureCause() blames owners where the server says so: %s, %s', (statement, hint, blames) => {
  const error = new ServerError('no', { sqlState: '42501', hint })
  expect(failureCause({ ...failure, statement, error }).startsWith('owners who must be superusers')).toBe(blames)
})
