import { mkdtempSync, readFileSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { open } from '../../../src/archive.ts'
import { audit } from '../../../src/audit/audit.ts'
import { targetProfile } from '../../../src/audit/find-profile.ts'
import { auditRules } from '../../../src/audit/registry.ts'
import { create, type NewEntry } from '../../../src/create.ts'
import type { ArchiveView } from '../../../src/view.ts'
import { fixture } from '../../helpers/corpus.ts'
import { entryOf, headerOf, viewOf, type EntryFields } from '../../helpers/entries.ts'
import { root } from '../../helpers/paths.ts'

const folder = mkdtempSync(join(tmpdir(), 'pgdmp-audit-rules-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

/** What pg_dump wrote: a path below test/fixtures. */
const dump = (path: string) => ({ by: 'pg_dump', path }) as const
/** What create() writes, for what can be in an archive and is in none of ours. */
const created = (...entries: readonly NewEntry[]) => ({ by: 'create()', entries }) as const
/** Entries made by hand, for what pg_dump writes by mistake or after damage only. */
const byHand = (...entries: readonly EntryFields[]) => ({ by: 'hand', entries }) as const

type Source = ReturnType<typeof dump> | ReturnType<typeof created> | ReturnType<typeof byHand>

/** A rule, what it finds something in and the object that it names, and what it finds nothing in. */
interface Case {
  readonly target?: string
  readonly found: Source
  readonly object: string
  readonly none: Source
}

const table = (tag: string, more: Partial<NewEntry> = {}): NewEntry => ({
  desc: 'TABLE',
  tag,
  namespace: 'public',
  owner: 'me',
  defn: `CREATE TABLE public.${tag} (\n    a integer\n);\n`,
  ...more,
})

const functionIn = (language: string): NewEntry => ({
  desc: 'FUNCTION',
  tag: 'f()',
  namespace: 'public',
  owner: 'me',
  defn: `CREATE FUNCTION public.f() RETURNS integer\n    LANGUAGE ${language}\n    AS $$return 1$$;\n`,
})

const languageOf = (name: string): NewEntry => ({
  desc: 'EXTENSION',
  tag: name,
  defn: `CREATE EXTENSION IF NOT EXISTS ${name} WITH SCHEMA pg_catalog;\n`,
})

const sequences = (count: number): NewEntry[] =>
  Array.from({ length: count }, (_, at) => ({
    desc: 'SEQUENCE',
    tag: `s${at}`,
    namespace: 'public',
    owner: 'me',
    defn: `CREATE SEQUENCE public.s${at};\n`,
  }))

const copied = {
  desc: 'TABLE DATA',
  tag: 't1',
  hadDumper: true,
  copyStmt: 'COPY public.t1 (a) FROM stdin;\n',
  defn: '',
}

const full = dump('corpus/18/full-Fc.dump')
const latin1 = dump('corpus/18/latin1-Fc.dump')
const fit = dump('audit-fit/fit-18.dump')
const security = dump('audit/security-15.dump')

const cases: Readonly<Record<string, Case>> = {
  'owner-absent': { found: created(table('t', { owner: '' })), object: 'public.t', none: latin1 },
  'needs-language': {
    found: created(functionIn('plpython3u')),
    object: 'plpython3u',
    none: created(functionIn('plpython3u'), languageOf('plpython3u')),
  },
  'needs-access-method': {
    found: created(table('t', { tableam: 'columnar' })),
    object: 'columnar',
    none: created(table('t', { tableam: 'mine' }), table('u', { tableam: 'heap' }), {
      desc: 'ACCESS METHOD',
      tag: 'mine',
      defn: 'CREATE ACCESS METHOD mine TYPE TABLE HANDLER heap_tableam_handler;\n',
    }),
  },
  'target-needs-superuser': {
    target: 'postgres:18:owner',
    found: fit,
    object: 'app.from_library(integer) c',
    none: latin1,
  },
  'target-extension': { target: 'rds', found: fit, object: 'citext citext', none: latin1 },
  'target-dependent': { target: 'postgres:18:owner', found: full, object: 'LANGUAGE "PL Odd"', none: latin1 },
  'target-release-lacks': { target: 'postgres:17', found: full, object: 'kitchen_sink', none: fit },
  'target-entry-type': {
    target: 'pglite',
    found: security,
    object: 'with_password',
    // what pg_dump writes has a DATABASE, of which PGlite has one
    none: created(table('t')),
  },
  'target-tablespace': { target: 'cloudsql', found: fit, object: 'app.elsewhere audit_space', none: latin1 },
  'target-role': {
    target: 'rds',
    found: created(table('t', { owner: 'rdsadmin' })),
    object: 'public.t rdsadmin',
    none: created(table('t')),
  },
  'target-unlogged-table': { target: 'neon', found: fit, object: 'app.scratch', none: latin1 },
  'dependency-missing': {
    found: dump('corpus/13/section-post-data-Ft.tar'),
    object: 'plain.rls',
    none: latin1,
  },
  'dependency-order': {
    found: byHand({ dependencies: [2] }, {}),
    object: 'public.t1 public.t2',
    none: byHand({}, { dependencies: [1] }),
  },
  'data-missing': {
    found: byHand({ ...copied, data: { state: 'no-data' } }),
    object: 'public.t1',
    none: byHand({ ...copied, data: { state: 'not-set' } }),
  },
  'table-without-data': { found: dump('corpus/18/filter-Fc.dump'), object: 'plain.many_rows', none: latin1 },
  'jobs-not-possible': { found: dump('corpus/13/latin1-Ft.tar'), object: '', none: latin1 },
  'single-transaction-locks': { found: created(...sequences(6401)), object: '', none: created(...sequences(6400)) },
  'entry-oversized': {
    found: created(table('t', { defn: `CREATE VIEW public.t AS SELECT '${'x'.repeat(2 ** 20)}';\n` })),
    object: 'public.t',
    none: created(table('t', { defn: `CREATE VIEW public.t AS SELECT '${'x'.repeat(2 ** 19)}';\n` })),
  },
  'constraint-not-enforced': { found: full, object: 'plain.v18_cons ck_ne', none: latin1 },
}

async function* viewOn(source: Source): AsyncGenerator<ArchiveView> {
  if (source.by === 'hand') {
    yield viewOf(
      source.entries.map((one, at) => entryOf(at + 1, one)),
      { header: headerOf() },
    )
    return
  }
  let file: string
  if (source.by === 'pg_dump') {
    const { path } = source
    file = path.startsWith('corpus/') ? fixture(path.slice(7)).file : join(root, 'test/fixtures', path)
  } else {
    file = join(folder, `${readdirSync(folder).length}.dump`)
    const writer = await create(file)
    for (const entry of source.entries) writer.addEntry(entry)
    await writer.finish()
  }
  await using archive = await open(file)
  yield archive
}

async function foundIn(source: Source, rule: string, target: string | undefined): Promise<readonly string[]> {
  const options = target === undefined ? {} : { target: targetProfile(target) }
  for await (const view of viewOn(source)) {
    const { findings } = await audit(view, options)
    return findings.filter((one) => one.rule === rule).map(({ object }) => object)
  }
  return []
}

describe.each(Object.entries(cases))('%s', (rule, { found, object, none, target }) => {
  test(`names ${JSON.stringify(object)} in what is by ${found.by}`, async () => {
    expect(await foundIn(found, rule, target)).toContain(object)
  })

  test(`finds nothing in what is by ${none.by} and has none of it`, async () => {
    expect(await foundIn(none, rule, target)).toEqual([])
  })
})

test('target-release-lacks names a forged entry, and the other rules go on', async () => {
  const hostile = dump('audit/hostile.dump')
  for await (const view of viewOn(hostile)) {
    const { findings } = await audit(view, { target: targetProfile('postgres:13') })
    expect(findings.filter(({ rule }) => rule === 'target-release-lacks').map(({ message }) => message)).toEqual([
      expect.stringMatching(/^What PostgreSQL 13 lacks cannot be told: Cannot read the large objects of TOC entry \d+/),
    ])
    expect(findings.some(({ rule }) => rule === 'definition-does-more')).toBe(true)
  }
})

/** Rules with tests of their own elsewhere, and where. */
const elsewhere: Readonly<Record<string, string>> = {
  'data-check-left-out': 'test/unit/audit/data.test.ts',
  'data-unique-violation': 'test/unit/audit/fit.test.ts',
  'target-release-removed': 'test/unit/audit/target-release.test.ts',
}

test('every rule is in a finding that is expected', () => {
  const expected = new Set(Object.keys(cases))
  for (const place of ['audit', 'audit-fit']) {
    const path = join(root, 'test/fixtures', place)
    for (const file of readdirSync(path).filter((name) => name.endsWith('.findings.json'))) {
      const findings: readonly { readonly rule: string }[] = JSON.parse(readFileSync(join(path, file), 'utf8'))
      for (const { rule } of findings) expected.add(rule)
    }
  }
  for (const [rule, file] of Object.entries(elsewhere)) {
    expect(expected.has(rule), rule).toBe(false)
    expect(readFileSync(join(root, file), 'utf8')).toContain(rule)
    expected.add(rule)
  }
  expect(auditRules.map(({ id }) => id).filter((id) => !expected.has(id))).toEqual([])
})

test('a materialized view keeps what its owner sees through views of whoever asks; a view shows nothing of it', async () => {
  const view = (kind: string, tag: string, options: string, from: string): NewEntry => ({
    desc: kind,
    tag,
    namespace: 'public',
    owner: 'me',
    defn: `CREATE ${kind} public.${tag}${options} AS\n SELECT a\n   FROM public.${from};\n`,
  })
  const invoker = " WITH (security_invoker='true')"
  const source = created(
    table('guarded'),
    {
      desc: 'ROW SECURITY',
      tag: 'guarded',
      namespace: 'public',
      owner: 'me',
      defn: 'ALTER TABLE public.guarded ENABLE ROW LEVEL SECURITY;\n',
    },
    view('VIEW', 'first', invoker, 'guarded'),
    view('VIEW', 'second', invoker, 'first'),
    view('VIEW', 'outer', '', 'second'),
    view('MATERIALIZED VIEW', 'kept', '', 'second'),
  )
  expect(await foundIn(source, 'view-over-row-security', undefined)).toEqual(['public.kept'])
})
