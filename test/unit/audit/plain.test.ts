import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { beforeAll, describe, expect, test } from 'vitest'
import { open } from '../../../src/archive.ts'
import { auditAs } from '../../../src/audit/audit.ts'
import { Catalog } from '../../../src/audit/catalog.ts'
import { targetProfile } from '../../../src/audit/find-profile.ts'
import { auditRules, marksOf } from '../../../src/audit/registry.ts'
import type { AuditOptions } from '../../../src/audit/options.ts'
import type { TocEntry } from '../../../src/toc/types.ts'
import type { ArchiveView } from '../../../src/view.ts'
import { allArchives } from '../../helpers/corpus.ts'
import { entryOf, viewOf, type EntryFields } from '../../helpers/entries.ts'
import { root } from '../../helpers/paths.ts'

/** All of what is put together is tried where there is time for it. */
const every = process.env['PGDMP_PLAIN'] === 'all' ? 1 : 23

/** What whoever asks an object sees of it, whether or not it is kept there; in one order. */
function seenOf(value: unknown): unknown {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return value
  const names = new Set(Object.keys(value))
  const { constructor } = value
  for (const name of Object.getOwnPropertyNames(constructor.prototype)) {
    if (constructor !== Object && name !== 'constructor') names.add(name)
  }
  return Object.fromEntries([...names].toSorted().map((name) => [name, (value as Record<string, unknown>)[name]]))
}

/** Everything that a catalog has, with entries as their dump ids. */
function contentsOf(view: ArchiveView, lexesAll: boolean): string {
  const catalog = new Catalog(view, { lexesAll })
  catalog.read()
  const { tables, functions, indexes, sequences, views, policies, grants, extensions, schemas, roles } = catalog
  const uses = roles.map((role) => [role.name, role.uses])
  const lists = { tables, functions, indexes, sequences, views, policies, grants, extensions, schemas, uses }
  const entries = new Set<unknown>(view.toc)
  return JSON.stringify(
    lists,
    (_, value: unknown) => {
      if (entries.has(value)) return (value as TocEntry).dumpId // it is one of the entries
      if (typeof value === 'bigint') return String(value)
      return value instanceof Map ? [...value] : seenOf(value)
    },
    1,
  )
}

function findingsOf(view: ArchiveView, options: AuditOptions, lexesAll: boolean): string {
  const { findings } = auditAs(view, options, { lexesAll })
  return JSON.stringify(findings, null, 1)
}

function expectSame(view: ArchiveView, options: AuditOptions = {}): void {
  expect(contentsOf(view, false)).toBe(contentsOf(view, true))
  expect(findingsOf(view, options, false)).toBe(findingsOf(view, options, true))
}

/** Definitions that have been read the short way. */
function plainIn(view: ArchiveView): readonly TocEntry[] {
  const found: TocEntry[] = []
  new Catalog(view, { lexesAll: false }).read({
    definition: () => undefined,
    plain: (entry) => void found.push(entry),
    marks: [],
  })
  return found
}

const viewOn = (fields: readonly EntryFields[]): ArchiveView => viewOf(fields.map((one, at) => entryOf(at + 1, one)))

/** One definition of each form, of objects with these names. */
function forms(namespace: string, t: string, c: string, o: string): EntryFields[] {
  const own = `${namespace}.${t}`
  const columns = `    ${c} integer DEFAULT nextval('${own}_seq'::regclass) NOT NULL,\n    ${o} text DEFAULT 'a, b'::text,\n    id bigint`
  return [
    { namespace, desc: 'TABLE', tag: t, defn: `CREATE TABLE ${own} (\n${columns}\n);\n` },
    { namespace, desc: 'COMMENT', tag: `TABLE ${t}`, defn: `COMMENT ON TABLE ${own} IS 'it''s one';\n` },
    { namespace, desc: 'COMMENT', tag: `COLUMN ${t}.${c}`, defn: `COMMENT ON COLUMN ${own}.${c} IS '';\n` },
    {
      namespace,
      desc: 'ACL',
      tag: `TABLE ${t}`,
      defn: `GRANT SELECT,INSERT(${c}) ON TABLE ${own} TO ${o};\nREVOKE ALL ON TABLE ${own} FROM PUBLIC;\n`,
    },
    {
      namespace,
      desc: 'ACL',
      tag: `SEQUENCE ${t}`,
      defn: `SET SESSION AUTHORIZATION ${o};\nGRANT USAGE ON SEQUENCE ${own} TO ${c} WITH GRANT OPTION;\nRESET SESSION AUTHORIZATION;\n`,
    },
    {
      namespace,
      desc: 'DEFAULT',
      tag: `${t} ${c}`,
      defn: `ALTER TABLE ONLY ${own} ALTER COLUMN ${c} SET DEFAULT nextval('${own}_s'::regclass);\n`,
    },
    {
      namespace,
      desc: 'CONSTRAINT',
      tag: `${t} ${c}`,
      defn: `ALTER TABLE ONLY ${own}\n    ADD CONSTRAINT ${c} PRIMARY KEY (${c}, ${o});\n`,
    },
    {
      namespace,
      desc: 'CONSTRAINT',
      tag: `${t} ${o}`,
      defn: `ALTER TABLE ONLY ${own}\n    ADD CONSTRAINT ${o} UNIQUE NULLS NOT DISTINCT (${c}) INCLUDE (${o}) DEFERRABLE;\n`,
    },
    {
      namespace,
      desc: 'FK CONSTRAINT',
      tag: `${t} ${c}`,
      defn: `ALTER TABLE ONLY ${own}\n    ADD CONSTRAINT ${c} FOREIGN KEY (${c}) REFERENCES ${o}.${c}(${o}) ON DELETE CASCADE NOT VALID;\n`,
    },
    {
      namespace,
      desc: 'INDEX',
      tag: t,
      defn: `CREATE UNIQUE INDEX ${t} ON ONLY ${o}.${c} USING btree (${c}, lower(${o}) DESC) INCLUDE (${c}) WHERE (${c} > 0);\n`,
    },
    { namespace, desc: 'INDEX', tag: t, defn: `CREATE INDEX ${t} ON ${namespace}.${c} USING gin (${o});\n` },
    { namespace, desc: 'INDEX ATTACH', tag: t, defn: `ALTER INDEX ${o}.${c} ATTACH PARTITION ${own};\n` },
    {
      namespace,
      desc: 'SEQUENCE',
      tag: t,
      defn: `CREATE SEQUENCE ${own}\n    AS integer\n    START WITH 1\n    INCREMENT BY -2\n    NO MINVALUE\n    MAXVALUE 77\n    CACHE 1\n    CYCLE;\n`,
    },
    { namespace, desc: 'SEQUENCE OWNED BY', tag: t, defn: `ALTER SEQUENCE ${own} OWNED BY ${namespace}.${o}.${c};\n` },
    { namespace, desc: 'SEQUENCE SET', tag: t, defn: `SELECT pg_catalog.setval('${own}', -42, false);\n` },
    {
      namespace,
      desc: 'TABLE ATTACH',
      tag: t,
      defn: `ALTER TABLE ONLY ${o}.${c} ATTACH PARTITION ${own} FOR VALUES FROM ('2022-01-01') TO (MAXVALUE);\n`,
    },
    {
      namespace,
      desc: 'TRIGGER',
      tag: `${t} ${c}`,
      defn: `CREATE TRIGGER ${c} BEFORE INSERT OR UPDATE OF ${o} ON ${own} FOR EACH ROW EXECUTE FUNCTION ${o}.${c}('x');\n`,
    },
  ]
}

/** Every word that readers of statements look for, and every key word that they know. */
function wordsLookedFor(): readonly string[] {
  const words = new Set<string>()
  for (const folder of ['src/audit', 'src/sql']) {
    for (const file of readdirSync(join(root, folder)).filter((name) =>
      /^(?:read|statement-table|keywords)/.test(name),
    )) {
      const text = readFileSync(join(root, folder, file), 'utf8')
      for (const [string] of text.matchAll(/'(?:[^'\\\n]|\\.)*'|`(?:[^`\\]|\\.)*`/g)) {
        for (const [word] of string.toLowerCase().matchAll(/[a-z_][a-z0-9_]*/g)) words.add(word)
      }
    }
  }
  return [...words]
}

describe('what is read the short way is what is read token by token', () => {
  test('in every archive', async () => {
    let short = 0
    // other formats hold the same, and what is made by hand has tests of its own
    for (const { file, format, version } of allArchives()) {
      if (format !== 'custom' || typeof version !== 'number') continue
      await using archive = await open(file)
      expectSame(archive, { target: targetProfile('postgres:18:owner'), inline: true })
      short += plainIn(archive).length
    }
    expect(short).toBeGreaterThan(500)
  }, 120_000)

  test('each form is, with names that mean nothing', () => {
    const view = viewOn(forms('app', 'orders', 'num', 'extra'))
    expect(plainIn(view)).toHaveLength(view.toc.length)
    expectSame(view)
  })

  describe('with every word of the sources for a name', () => {
    let words: readonly string[]
    beforeAll(() => {
      const all = wordsLookedFor()
      // that take their place where they stand
      const sure = new Set(['concurrently', 'exclude', 'group', 'if', 'inherits', 'owned', 'period'])
      words = every === 1 ? all : all.filter((word, at) => at % 5 === 0 || sure.has(word))
      expect(words).toEqual(expect.arrayContaining(['exclude', 'inherits', 'concurrently', 'owned', 'period']))
    })
    test.each([
      ['schema', (word: string) => forms(word, 'orders', 'num', 'extra')],
      ['object', (word: string) => forms('app', word, 'num', 'extra')],
      ['column, constraint, trigger or role', (word: string) => forms('app', 'orders', word, 'extra')],
      ['other object', (word: string) => forms('app', 'orders', 'num', word)],
    ])('of a %s', (_, formsOf) => {
      const view = viewOn(words.flatMap((word) => formsOf(word)))
      expect(plainIn(view).length).toBeGreaterThan(view.toc.length / 2)
      expectSame(view)
    })
  })

  test('with anything put in anywhere, and anything left out', () => {
    const odd = [
      ';',
      '; DROP TABLE app.orders;',
      "'",
      "''",
      '"',
      '\\',
      '--',
      '/*',
      '*/',
      '$$',
      '(',
      ')',
      '[',
      ']',
      ',',
      ',\n    ',
      '\n',
      ' ',
      '.',
      '@',
      ':',
      '\0',
      '\u00e9',
      "E'",
      " x'1'",
      ' NOT NULL',
      ' CHECK (true)',
      ' COLLATE "C"',
      ' REFERENCES x(y)',
      ' ON TABLE @ ',
      ' ON TABLE pgdmp_sample_schema.pgdmp_sample_name ',
      'pgdmp_sample_schema.pgdmp_sample_name',
      '$$AKIAIOSFODNN7EXAMPLE$$',
      '/* AKIAIOSFODNN7EXAMPLE */',
    ]
    let place = 0
    const fields: EntryFields[] = []
    for (const form of forms('app', 'orders', 'num', 'extra')) {
      const defn = String(form.defn)
      for (const { index: at } of defn.matchAll(/\w+|[^\w]/g)) {
        if (place++ % every !== 0) continue
        for (const text of odd) fields.push({ ...form, defn: defn.slice(0, at) + text + defn.slice(at) })
        fields.push({ ...form, defn: defn.slice(0, at) + defn.slice(at + 1) }, { ...form, defn: defn.slice(0, at) })
      }
    }
    for (let from = 0; from < fields.length; from += 100) expectSame(viewOn(fields.slice(from, from + 100)))
  })

  test('where names of the entry are others than those of the definition', () => {
    const tags = ['order', 'orders2', 'orders num', 'orders', 'TABLE orders', 'num', ''].map((tag) => ({ tag }))
    for (const changes of [...tags, { namespace: 'other' }, { namespace: null }, { desc: 'VIEW' }]) {
      const fields: EntryFields[] = []
      for (const form of forms('app', 'orders', 'num', 'extra')) fields.push({ ...form, ...changes })
      expectSame(viewOn(fields))
    }
  })
})

test('names of samples, and secrets in dollar quotes and comments, are found as they are token by token', () => {
  const of = (desc: string, tag: string, defn: string): EntryFields => ({ namespace: 'app', desc, tag, defn })
  const fields = [
    of(
      'ACL',
      'TABLE orders',
      'GRANT ALL ON TABLE pgdmp_sample_schema.pgdmp_sample_name TO mallory;\nGRANT SELECT ON TABLE app.orders TO bob;\n',
    ),
    of(
      'TRIGGER',
      'orders x',
      "CREATE TRIGGER x BEFORE INSERT ON pgdmp_sample_schema.pgdmp_sample_name FOR EACH ROW WHEN (new.a = ' ON app.orders ') EXECUTE FUNCTION app.f();\n",
    ),
    of('INDEX', 'i', 'CREATE INDEX i ON app.t .x USING btree (a);\n'),
    of('INDEX', 'i', 'CREATE INDEX i ON app.t USING btree (a) WHERE (k <> $$AKIAIOSFODNN7EXAMPLE$$);\n'),
    of(
      'CONSTRAINT',
      't c',
      'ALTER TABLE ONLY app.t\n    ADD CONSTRAINT c PRIMARY KEY (a) /* AKIAIOSFODNN7EXAMPLE */;\n',
    ),
  ]
  for (const one of fields) expectSame(viewOn([one]))
  expect(findingsOf(viewOn(fields), {}, false)).toContain('AWS')
})

test('names that begin as those of this program do are names like others', () => {
  const fields = forms('pgdmp', 'pgdmp_orders', 'pgdmp_num', 'pgdmp_readers')
  const view = viewOn(fields)
  expectSame(view)
  expect(plainIn(view).map(({ desc }) => desc)).toEqual(
    plainIn(viewOn(forms('app', 't', 'n', 'r'))).map(({ desc }) => desc),
  )
})

test('more definitions of a form than are remembered are read like the first', () => {
  const fields = Array.from({ length: 1100 }, (_, at) => ({
    desc: 'INDEX',
    tag: `i${at}`,
    namespace: 'app',
    defn: `CREATE INDEX i${at} ON app.t USING btree (((c + ${at})));\n`,
  }))
  const view = viewOn(fields)
  expectSame(view)
  expect(plainIn(view)).toHaveLength(1024)
})

test('a rule that does not say what it looks for sees every definition', () => {
  const seen: string[] = []
  const rule = {
    id: 'sees-all',
    severity: 'info',
    category: 'hygiene',
    message: 'x',
    explanation: 'x',
    fix: 'x',
    links: [],
    definition: (entry: TocEntry) => void seen.push(entry.desc),
  } as const
  const fields = forms('app', 'orders', 'num', 'extra')
  auditAs(viewOn(fields), { rules: [rule] }, { lexesAll: false })
  expect(seen).toEqual(fields.map(({ desc }) => desc))
})

test('what rules look for in several words says what of it a name may be', () => {
  for (const rule of auditRules) {
    const { anywhere, inStringOrComment, inName } = marksOf(rule) ?? {}
    const sources = [anywhere, inStringOrComment].map((one) => one?.source ?? '')
    if (!sources.some((source) => /\\s| /.test(source))) continue
    expect({ rule: rule.id, says: inName !== undefined }).toEqual({ rule: rule.id, says: true })
  }
})

test('rules ask for no digits in names, which are looked at with zeros in their place', () => {
  for (const marks of auditRules.map((rule) => marksOf(rule))) {
    for (const { source } of Object.values(marks ?? {}) as RegExp[]) {
      // what a plain name cannot have: behind a backslash or a dollar
      const inNames = source.replaceAll(/\\{2}\[0-7xu\]|\\\\\\0|\\\$2\[aby\]\\\$/g, '')
      expect(inNames).not.toMatch(/\\d|[0-9]/i)
    }
  }
})
