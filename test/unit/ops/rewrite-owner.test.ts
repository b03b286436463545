import { describe, expect, it } from 'vitest'
import type { ArchiveError, Finding } from '../../../src/errors.ts'
import { filter, isFiltered } from '../../../src/ops/filter.ts'
import { rewriteOwner, type AllOwners } from '../../../src/ops/rewrite-owner.ts'
import type { NameMap } from '../../../src/ops/rename-names.ts'
import type { TocEntry } from '../../../src/toc/types.ts'
import { entryOf, headerOf, viewOf } from '../../helpers/entries.ts'

const failure = (run: () => unknown): ArchiveError => {
  try {
    run()
  } catch (error) {
    return error as ArchiveError // what it throws is checked through its code
  }
  throw new Error('did not fail')
}

const toc = [
  entryOf(1, { owner: 'alice', defn: 'CREATE TABLE public.alice ();\n', dropStmt: 'DROP TABLE public.alice;\n' }),
  entryOf(2, { owner: 'bob', desc: 'ACL', tag: 'TABLE alice', defn: 'GRANT SELECT ON TABLE public.alice TO carol;\n' }),
  entryOf(3, {
    owner: 'alice',
    desc: 'FUNCTION',
    tag: 'f()',
    defn: "CREATE FUNCTION public.f() LANGUAGE sql AS 'select ''alice''; select ''alice''';\n",
  }),
  entryOf(4, { owner: 'pg_database_owner', desc: 'SCHEMA', tag: 'public', namespace: null }),
  entryOf(5, { owner: '', desc: 'EXTENSION', tag: 'x', namespace: null }),
]

const owners = (map: NameMap | AllOwners, entries: readonly TocEntry[] = toc): (string | null)[] =>
  rewriteOwner(viewOf(entries), map).toc.map(({ owner }) => owner)
const defnOf = (map: NameMap | AllOwners, entry: TocEntry): string | null | undefined =>
  rewriteOwner(viewOf([...toc, entry]), map).entry(entry.dumpId)?.defn

describe('rewriteOwner()', () => {
  it('takes an object, a Map and a function', () => {
    const expected = ['dave', 'bob', 'dave', 'pg_database_owner', '']
    expect(owners({ alice: 'dave' })).toEqual(expected)
    expect(owners(new Map([['alice', 'dave']]))).toEqual(expected)
    expect(owners((name) => (name === 'alice' ? 'dave' : undefined))).toEqual(expected)
  })

  it('refuses what no role can be called, as an old name and as a new one', () => {
    for (const name of ['public', 'none']) {
      expect(failure(() => owners({ [name]: 'dave' }))).toMatchObject({ code: 'USAGE' })
      expect(failure(() => owners({ alice: name }))).toMatchObject({ code: 'USAGE' })
    }
    const grant = entryOf(9, { desc: 'ACL', defn: 'GRANT SELECT ON t TO "PUBLIC", PUBLIC, "public", alice;\n' })
    expect(defnOf({ PUBLIC: 'user', alice: 'PUBLIC' }, grant)).toBe(
      'GRANT SELECT ON t TO "user", PUBLIC, "public", "PUBLIC";\n',
    )
    const set = entryOf(9, { desc: 'FUNCTION', defn: "ALTER FUNCTION f() SET role TO 'none';\n" })
    expect(defnOf(() => 'dave', set)).toBe(set.defn)
  })

  it('swaps two roles', () => {
    expect(owners({ alice: 'bob', bob: 'alice' })).toEqual(['bob', 'alice', 'bob', 'pg_database_owner', ''])
  })

  it('puts one role in place of every owner, but for those of the server', () => {
    expect(owners({ all: 'dave' })).toEqual(['dave', 'dave', 'dave', 'pg_database_owner', ''])
    const acl = entryOf(9, {
      desc: 'ACL',
      defn: 'SET SESSION AUTHORIZATION bob;\nGRANT SELECT ON TABLE t TO alice, carol;\nRESET SESSION AUTHORIZATION;\n',
    })
    expect(defnOf({ all: 'dave' }, acl)).toBe(
      'SET SESSION AUTHORIZATION dave;\nGRANT SELECT ON TABLE t TO dave, carol;\nRESET SESSION AUTHORIZATION;\n',
    )
  })

  it('takes a map before the one role, a function too', () => {
    expect(owners({ all: 'dave', map: { bob: 'erin', pg_database_owner: 'frank' } })).toEqual([
      'dave',
      'erin',
      'dave',
      'frank',
      '',
    ])
    expect(owners({ all: 'dave', map: (name) => (name === 'bob' ? 'erin' : undefined) })[1]).toBe('erin')
  })

  it('renames a role called "all" with a Map', () => {
    expect(owners(new Map([['all', 'x']]), [entryOf(1, { owner: 'all' }), entryOf(2, { owner: 'y' })])).toEqual([
      'x',
      'y',
    ])
  })

  it('renames the tags of user mappings, with odd names too', () => {
    const mapping = entryOf(9, {
      desc: 'USER MAPPING',
      tag: 'USER MAPPING al SERVER ice SERVER s " x',
      defn: 'CREATE USER MAPPING FOR "al SERVER ice" SERVER "s "" x" OPTIONS (\n    "user" \'alice\'\n);\n',
      dropStmt: 'DROP USER MAPPING FOR "al SERVER ice" SERVER "s "" x";\n',
    })
    const moved = rewriteOwner(viewOf([mapping]), { 'al SERVER ice': 'b"ob' }).toc[0]
    expect(moved).toMatchObject({
      tag: 'USER MAPPING b"ob SERVER s " x',
      defn: 'CREATE USER MAPPING FOR "b""ob" SERVER "s "" x" OPTIONS (\n    "user" \'alice\'\n);\n',
      dropStmt: 'DROP USER MAPPING FOR "b""ob" SERVER "s "" x";\n',
    })
    const everybody = entryOf(9, {
      desc: 'USER MAPPING',
      tag: 'USER MAPPING public SERVER s',
      defn: 'CREATE USER MAPPING FOR PUBLIC SERVER s;\n',
    })
    expect(rewriteOwner(viewOf([everybody]), (name) => `x${name}`).toc[0]).toMatchObject({
      tag: 'USER MAPPING public SERVER s',
      defn: everybody.defn,
    })
  })

  it('renames the tags of comments and labels on roles', () => {
    const comment = (tag: string): TocEntry =>
      entryOf(9, { desc: 'COMMENT', tag, defn: `COMMENT ON ${tag} IS 'x';\n`, namespace: null })
    const tagOf = (tag: string): string | null | undefined =>
      rewriteOwner(viewOf([comment(tag)]), { alice: 'B', 'Od"d': 'plain' }).toc[0]?.tag
    expect(tagOf('ROLE alice')).toBe('ROLE "B"')
    expect(tagOf('ROLE "Od""d"')).toBe('ROLE plain')
    expect(tagOf('TABLE alice')).toBe('TABLE alice')
  })

  it('reports what it cannot decide, once for each name and reason of a definition', () => {
    const warnings: Finding[] = []
    const moved = rewriteOwner(viewOf(toc), { alice: 'dave' }, { onWarning: (finding) => warnings.push(finding) })
    expect(warnings).toEqual([])
    const reference = {
      dumpId: 3,
      desc: 'FUNCTION',
      namespace: 'public',
      tag: 'f()',
      field: 'defn',
      at: 43,
      count: 1,
      kind: 'role',
      name: 'alice',
      reason: 'function-body',
    }
    expect(moved.undecided()).toEqual([reference])
    expect(moved.entry(3)?.defn).toBe(toc[2]?.defn)
    expect(warnings).toMatchObject([{ code: 'UNDECIDED_REFERENCE', severity: 'warning', dumpId: 3 }])
    expect(warnings[0]?.message).toBe(
      'FUNCTION public.f() may refer to role "alice", which is renamed: its body mentions it; left alone',
    )
    expect(rewriteOwner(moved, { bob: 'x' }).undecided()).toEqual([reference])
  })

  it('asks a function about owners only, where a word may be anything', () => {
    const moved = rewriteOwner(viewOf(toc), (name) => `${name}_new`)
    expect(moved.undecided().map(({ name }) => name)).toEqual(['alice'])
    expect(moved.entry(2)?.defn).toBe('GRANT SELECT ON TABLE public.alice TO carol_new;\n')
  })

  it('reports columns whose values are roles', () => {
    const table = entryOf(1, { defn: 'CREATE TABLE public.t (\n    who regrole,\n    regrole text\n);\n' })
    expect(rewriteOwner(viewOf([table]), { alice: 'bob' }).undecided()).toMatchObject([
      { reason: 'rows', name: null, count: 1 },
    ])
  })

  it('reports rows whose table is not in the view', () => {
    const table = entryOf(20, { tag: 'holds', defn: 'CREATE TABLE public.holds (\n    r regrole\n);\n' })
    const rows = { desc: 'TABLE DATA', section: 'data', hadDumper: true, defn: '' } as const
    const view = viewOf([...toc, table, entryOf(21, { ...rows, tag: 'holds', dependencies: [20] })])
    const places = (selected: Parameters<typeof filter>[1]): string[] =>
      rewriteOwner(filter(view, selected), { alice: 'bob' })
        .undecided()
        .filter(({ reason }) => reason === 'rows')
        .map(({ dumpId, field }) => `${dumpId} ${field}`)
    expect(places({})).toEqual(['20 defn'])
    expect(places({ dataOnly: true })).toEqual(['21 data'])
    expect(places({ sections: ['data'] })).toEqual(['21 data'])
    expect(places({ dataOnly: true, tables: ['other'] })).toEqual([])
    expect(
      failure(() => rewriteOwner(filter(view, { dataOnly: true }), { alice: 'bob' }, { strict: true })),
    ).toMatchObject({ code: 'UNDECIDED_REFERENCE' })
  })

  it('fails at once with strict', () => {
    const error = failure(() => rewriteOwner(viewOf(toc), { alice: 'dave' }, { strict: true }))
    expect(error).toMatchObject({ code: 'UNDECIDED_REFERENCE', dumpId: 3 })
    expect(error.details).toMatchObject({ references: [{ reason: 'function-body' }] })
    expect(owners({ bob: 'x' })).toBeDefined()
    expect(() => rewriteOwner(viewOf(toc), { bob: 'x' }, { strict: true })).not.toThrow()
  })

  it('minds only what is selected', () => {
    const tables = filter(viewOf(toc), { tables: ['t1'] })
    const moved = rewriteOwner(tables, { alice: 'dave' }, { strict: true })
    expect(isFiltered(moved)).toBe(true)
    expect(moved.toc.map(({ owner }) => owner)).toEqual(['dave'])
    expect(filter(rewriteOwner(viewOf(toc), { all: 'x' }), { functions: ['f()'] }).toc[0]?.owner).toBe('x')
  })

  it('tells which names it had no use for', () => {
    const moved = rewriteOwner(viewOf(toc), { alice: 'dave', alcie: 'dave', carol: 'c' })
    expect(moved.unusedNames()).toEqual(['alcie'])
  })

  it.each([
    [{ alice: '' }, /the new name is empty/],
    [{ alice: 'a\0b' }, /zero byte/],
    [{ alice: 'public' }, /reserved/],
    [{ public: 'alice' }, /means every role/],
    [{ all: 'none' }, /reserved/],
    [{ all: 'x', alice: 'y' }, /"all" stands beside "alice"/],
  ])('refuses %j', (map: NameMap | AllOwners, message) => {
    expect(failure(() => rewriteOwner(viewOf(toc), map))).toMatchObject({
      code: 'USAGE',
      message: expect.stringMatching(message) as unknown,
    })
  })

  it('refuses names that a server would cut', () => {
    expect(owners({ alice: 'x'.repeat(63) })[0]).toBe('x'.repeat(63))
    expect(failure(() => owners({ alice: 'x'.repeat(64) }))).toMatchObject({ code: 'USAGE' })
    expect(failure(() => owners({ alice: 'é'.repeat(32) })).message).toMatch(/has 64 bytes, must be at most 63$/)
  })

  it('writes names in the encoding of the archive, or says that it cannot', () => {
    const table = entryOf(1, {
      encoding: 'LATIN1',
      owner: Uint8Array.of(0xe9, 0x76, 0x65),
      defn: Uint8Array.from('ALTER TABLE t OWNER TO "\u00e9ve";', (char) => char.charCodeAt(0)),
    })
    const view = viewOf([table], { encoding: 'LATIN1' })
    const moved = rewriteOwner(view, { éve: 'zoë' }).toc[0]
    expect(moved?.owner).toBe('zoë')
    expect(moved?.raw.byteString('defn')).toBe('ALTER TABLE t OWNER TO "zo\u00eb";')
    const error = failure(() => rewriteOwner(view, { éve: 'ゾエ' }))
    expect(error).toMatchObject({ code: 'USAGE', details: { encoding: 'LATIN1' } })
  })

  it('quotes as the pg_dump that wrote the archive', () => {
    const acl = entryOf(1, { defn: 'GRANT SELECT ON t TO alice;' })
    const of = (dumpVersion: string): string | null | undefined =>
      rewriteOwner(viewOf([acl], { header: headerOf({ dumpVersion }) }), { alice: 'json' }).toc[0]?.defn
    expect(of('18.6 (Debian 18.6-1)')).toBe('GRANT SELECT ON t TO "json";')
    expect(of('13.16')).toBe('GRANT SELECT ON t TO json;')
    expect(of('9.6.24')).toBe('GRANT SELECT ON t TO json;')
    const quoting = entryOf(2, { dropStmt: 'DROP TABLE "public"."t";', owner: 'x' })
    const moved = rewriteOwner(viewOf([acl, quoting]), { alice: 'bob' })
    expect(moved.toc[0]?.defn).toBe('GRANT SELECT ON t TO "bob";')
  })
})
