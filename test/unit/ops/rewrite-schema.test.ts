import { describe, expect, it } from 'vitest'
import type { DataStream } from '../../../src/format/stored-data.ts'
import { byteStream, chunksOf } from '../../../src/io/byte-stream.ts'
import { rewriteSchema } from '../../../src/ops/rewrite-schema.ts'
import type { TocEntry } from '../../../src/toc/types.ts'
import { derive } from '../../../src/view.ts'
import { entryOf, viewOf } from '../../helpers/entries.ts'

const rewritten = (entry: TocEntry): TocEntry | undefined =>
  rewriteSchema(viewOf([entry]), { app: 'N"ew', 'Od"d': 'plain' }).toc[0]

describe('rewriteSchema()', () => {
  it('replaces more names in a statement than a function takes arguments', () => {
    const columns = (schema: string): string => Array.from({ length: 130_000 }, () => `${schema}.t.c`).join()
    const entry = entryOf(1, { desc: 'VIEW', namespace: 'app', defn: `CREATE VIEW app.v AS SELECT ${columns('app')};` })
    const defn = rewriteSchema(viewOf([entry]), { app: 'b' }).toc[0]?.defn
    expect(defn === `CREATE VIEW b.v AS SELECT ${columns('b')};`).toBe(true)
  })

  it('renames the field, the definition, the drop and the COPY of an entry', () => {
    const entry = entryOf(1, {
      namespace: 'app',
      defn: 'CREATE TABLE app.t (x app.mood);',
      dropStmt: 'DROP TABLE app.t;',
      copyStmt: 'COPY app.t (x) FROM stdin;',
    })
    expect(rewritten(entry)).toMatchObject({
      namespace: 'N"ew',
      defn: 'CREATE TABLE "N""ew".t (x "N""ew".mood);',
      dropStmt: 'DROP TABLE "N""ew".t;',
      copyStmt: 'COPY "N""ew".t (x) FROM stdin;',
    })
  })

  it.each([
    { desc: 'SCHEMA', tag: 'app', after: 'N"ew' },
    { desc: 'SCHEMA', tag: 'Od"d', after: 'plain' },
    { desc: 'COMMENT', tag: 'SCHEMA app', after: 'SCHEMA "N""ew"' },
    { desc: 'ACL', tag: 'SCHEMA "Od""d"', after: 'SCHEMA plain' },
    { desc: 'SECURITY LABEL', tag: 'SCHEMA other', after: 'SCHEMA other' },
    { desc: 'COMMENT', tag: 'FUNCTION app(app.t, "Od""d".u)', after: 'FUNCTION app("N""ew".t, plain.u)' },
    { desc: 'ACL', tag: 'FUNCTION f(x app.t)', after: 'FUNCTION f(x "N""ew".t)' },
    { desc: 'COMMENT', tag: 'COLUMN app.x', after: 'COLUMN app.x' },
    { desc: 'COMMENT', tag: 'TABLE app', after: 'TABLE app' },
    { desc: 'CAST', tag: 'CAST (app.a AS integer)', after: 'CAST ("N""ew".a AS integer)' },
    { desc: 'TRANSFORM', tag: 'TRANSFORM FOR app.a LANGUAGE sql', after: 'TRANSFORM FOR "N""ew".a LANGUAGE sql' },
    { desc: 'TABLE', tag: 'app', after: 'app' },
  ])('$desc $tag becomes $after', ({ desc, tag, after }) => {
    expect(rewritten(entryOf(1, { desc, tag, namespace: null }))?.tag).toBe(after)
  })

  it('renames the types in the tag of a routine, whose own name stands without quotes', () => {
    const entry = entryOf(1, {
      desc: 'FUNCTION',
      namespace: 'app',
      tag: 'a(b "c"(app.t, integer)',
      dropStmt: 'DROP FUNCTION app."a(b ""c"""(x app.t, app integer);\n',
    })
    expect(rewritten(entry)).toMatchObject({
      tag: 'a(b "c"("N""ew".t, integer)',
      dropStmt: 'DROP FUNCTION "N""ew"."a(b ""c"""(x "N""ew".t, app integer);\n',
    })
  })

  it('renames the schema at the end of what a publication takes', () => {
    const desc = 'PUBLICATION TABLES IN SCHEMA'
    const entry = entryOf(1, {
      desc,
      tag: 'p app',
      namespace: 'app',
      defn: 'ALTER PUBLICATION p ADD TABLES IN SCHEMA app;',
    })
    expect(rewritten(entry)).toMatchObject({
      tag: 'p N"ew',
      namespace: 'N"ew',
      defn: 'ALTER PUBLICATION p ADD TABLES IN SCHEMA "N""ew";',
    })
  })

  it('renames in the search path of the archive', () => {
    const searchPath = "SELECT pg_catalog.set_config('search_path', 'app', false);\n"
    const base = viewOf([entryOf(1, { desc: 'SEARCHPATH', tag: 'SEARCHPATH', defn: searchPath })])
    const view = rewriteSchema({ ...base, settings: { ...base.settings, searchPath } }, { app: 'b' })
    expect(view.settings.searchPath).toBe("SELECT pg_catalog.set_config('search_path', 'b', false);\n")
    expect(view.toc[0]?.defn).toBe(view.settings.searchPath)
  })

  const notCreated = '-- *not* creating schema, since initdb creates it\n'
  const notDropped = '-- *not* dropping schema, since initdb creates it\n'
  const schema = (tag: string, defn: string, dropStmt: string): TocEntry =>
    entryOf(1, { desc: 'SCHEMA', tag, namespace: null, defn, dropStmt })

  it('creates what was public, and takes what becomes public for there', () => {
    const there = schema('public', notCreated, notDropped)
    const made = { tag: 'a b', defn: 'CREATE SCHEMA "a b";\n', dropStmt: 'DROP SCHEMA "a b";\n' }
    expect(rewriteSchema(viewOf([there]), { public: 'a b' }).toc[0]).toMatchObject(made)
    expect(
      rewriteSchema(viewOf([schema(made.tag, made.defn, made.dropStmt)]), { 'a b': 'public' }).toc[0],
    ).toMatchObject({
      tag: 'public',
      defn: notCreated,
      dropStmt: notDropped,
    })
    const created = schema('public', 'CREATE SCHEMA public;\n', 'DROP SCHEMA public;\n')
    expect(rewriteSchema(viewOf([created]), { public: 'a b' }).toc[0]).toMatchObject(made)
    expect(rewriteSchema(viewOf([there]), { other: 'a b' }).toc[0]?.defn).toBe(notCreated)
  })

  it('warns that nothing creates what was public', () => {
    const warningsOf = (toc: readonly TocEntry[], map: Record<string, string>): string[] => {
      const codes: string[] = []
      rewriteSchema(viewOf(toc), map, { onWarning: ({ code }) => codes.push(code) })
      return codes
    }
    const table = entryOf(2, { namespace: 'public' })
    expect(warningsOf([table], { public: 'app' })).toEqual(['SCHEMA_NOT_CREATED'])
    expect(warningsOf([schema('public', notCreated, notDropped), table], { public: 'app' })).toEqual([])
    expect(warningsOf([table], { other: 'app' })).toEqual([])
    expect(warningsOf([entryOf(2, { namespace: 'x' })], { public: 'app' })).toEqual([])
  })

  it('asks a function about schemas of the archive only', () => {
    const toc = [
      entryOf(1, {
        namespace: 'app',
        defn: 'CREATE VIEW app.v AS SELECT a.x FROM app.t a, ext.u, pg_catalog.pg_class c;',
      }),
    ]
    const view = rewriteSchema(viewOf(toc), (name) => `${name}_2`)
    expect(view.toc[0]?.defn).toBe('CREATE VIEW app_2.v AS SELECT a.x FROM app_2.t a, ext.u, pg_catalog.pg_class c;')
  })

  it('renames in rows that are INSERT commands, and in no others', async () => {
    const rows = { desc: 'TABLE DATA', section: 'data', hadDumper: true, defn: null } as const
    const toc = [
      entryOf(1, { ...rows, namespace: 'app' }),
      entryOf(2, { ...rows, namespace: 'other' }),
      entryOf(4, { ...rows, namespace: null }),
      entryOf(3, { ...rows, namespace: 'app', copyStmt: 'COPY app.t FROM stdin;\n' }),
    ]
    const text = 'INSERT INTO app.t VALUES (\'app.t\');\nINSERT INTO "app".t VALUES (1);\n'
    const data = (): DataStream => byteStream(() => chunksOf([new TextEncoder().encode(text)]))
    const view = rewriteSchema(derive(viewOf(toc), { data }), { app: 'New one' }, { strict: true })
    const renamed = text.replaceAll(/"?app"?\.t VALUES/g, '"New one".t VALUES')
    const shown: (string | number)[] = []
    for (const entry of view.toc) {
      shown.push(entry.dumpId, Buffer.from(await view.data(entry).bytes()).toString())
    }
    expect(shown).toEqual([1, renamed, 2, renamed, 4, text, 3, text])
  })

  it.each([[{ pg_catalog: 'x' }], [{ app: 'pg_mine' }], [{ information_schema: 'x' }]])('refuses %j', (map) => {
    expect(() => rewriteSchema(viewOf([]), map)).toThrow(/belongs to the server/)
  })
})
