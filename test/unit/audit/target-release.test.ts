import { join } from 'node:path'
import { expect, test } from 'vitest'
import { open } from '../../../src/archive.ts'
import { audit } from '../../../src/audit/audit.ts'
import { targetProfile } from '../../../src/audit/find-profile.ts'
import { mapEntries } from '../../../src/ops/map-entries.ts'
import { withFields } from '../../../src/toc/changed-entry.ts'
import { decoderFor } from '../../../src/toc/encoding.ts'
import { root } from '../../helpers/paths.ts'

/** What the rule says of a definition put in the place of that of the table app.bare, for a release. */
async function said(defn: string, release: number, rule: string): Promise<string[]> {
  await using archive = await open(join(root, 'test/fixtures/audit-fit/fit-15.dump'))
  const view = mapEntries(archive, (entry) =>
    entry.desc === 'TABLE' && entry.tag === 'bare'
      ? withFields(entry, { fields: { defn } }, decoderFor('UTF8'))
      : entry,
  )
  const { findings } = await audit(view, {
    target: targetProfile(`postgres:${release}`),
    settings: { security: 'off' },
  })
  return findings.filter((finding) => finding.rule === rule).map(({ message }) => message)
}

test.each([
  ['CREATE TABLE app.bare (t abstime);', 'the types abstime', 13],
  ['CREATE TABLE app.bare (a integer) WITH OIDS;', 'tables WITH OIDS', 13],
  ['CREATE OPERATOR app.! (FUNCTION = app.f, LEFTARG = bigint);', 'operators after their operand', 14],
  ['CREATE AGGREGATE app.all(anyelement) (SFUNC = array_append, STYPE = anyarray);', 'array_append', 14],
  ["CREATE VIEW app.bare AS SELECT pg_start_backup('x');", 'the functions pg_start_backup', 15],
  [
    "CREATE FUNCTION app.f() RETURNS int LANGUAGE sql SET force_parallel_mode TO 'on' AS 'SELECT 1';",
    'force_parallel_mode',
    16,
  ],
])('target-release-removed finds %s', async (defn, what, since) => {
  const rule = 'target-release-removed'
  expect(await said(defn, since, rule)).toEqual([expect.stringContaining(what)])
  if (since > 13) expect(await said(defn, since - 1, rule)).toEqual([])
})

test.each([
  'CREATE TABLE app.bare (abstime integer, reltime text);',
  'CREATE TABLE app.bare (t public.abstime);',
  'CREATE OPERATOR app.! (FUNCTION = app.f, RIGHTARG = bigint);',
  'CREATE AGGREGATE app.all(anycompatible) (SFUNC = array_append, STYPE = anycompatiblearray);',
  'CREATE VIEW app.bare AS SELECT app.pg_start_backup(1);',
  "COMMENT ON TABLE app.bare IS 'abstime, WITH OIDS';",
])('target-release-removed finds nothing in %s', async (defn) => {
  expect(await said(defn, 18, 'target-release-removed')).toEqual([])
})

test('target-release-lacks finds what an older release does not know, and nothing for a newer one', async () => {
  await using archive = await open(join(root, 'test/fixtures/audit-fit/fit-18.dump'))
  const decode = decoderFor('UTF8')
  const view = mapEntries(archive, (entry) =>
    entry.desc === 'TABLE' && entry.tag === 'bare'
      ? withFields(
          entry,
          { fields: { defn: 'CREATE TABLE app.bare (a integer, b integer GENERATED ALWAYS AS (a) VIRTUAL);' } },
          decode,
        )
      : entry,
  )
  const lacks = async (target: string): Promise<string[]> => {
    const { findings } = await audit(view, { target: targetProfile(target), settings: { security: 'off' } })
    return findings.filter(({ rule }) => rule === 'target-release-lacks').map(({ message }) => message)
  }
  expect(await lacks('postgres:17')).toContainEqual(expect.stringContaining('virtual generated columns'))
  expect(await lacks('postgres:18')).toEqual([])
})
