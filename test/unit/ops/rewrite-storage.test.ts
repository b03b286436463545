import { describe, expect, it } from 'vitest'
import { encodeByteString } from '../../../src/bytes/byte-string.ts'
import { filter } from '../../../src/ops/filter.ts'
import { rewriteDatabaseName, rewriteTableAccessMethod, rewriteTablespace } from '../../../src/ops/rewrite-storage.ts'
import { toSql } from '../../../src/ops/to-sql.ts'
import { entryOf, headerOf, viewOf } from '../../helpers/entries.ts'

describe('rewriteTablespace()', () => {
  it('renames in fields and definitions, and leaves the default alone', () => {
    const toc = [
      entryOf(1, { tablespace: 'fast' }),
      entryOf(2, { tablespace: '' }),
      entryOf(3, { desc: 'DATABASE', defn: 'CREATE DATABASE d TABLESPACE = fast;' }),
    ]
    const view = rewriteTablespace(viewOf(toc), { fast: 'slow' })
    expect(view.toc.map(({ tablespace }) => tablespace)).toEqual(['slow', '', undefined])
    expect(view.toc[2]?.defn).toBe('CREATE DATABASE d TABLESPACE = slow;')
    expect(rewriteTablespace(viewOf(toc), (name) => `${name}2`).toc[0]?.tablespace).toBe('fast2')
  })
})

describe('rewriteTableAccessMethod()', () => {
  it('renames what tables use, not what defines the method', () => {
    const toc = [
      entryOf(1, {
        desc: 'ACCESS METHOD',
        tag: 'columnar',
        defn: 'CREATE ACCESS METHOD columnar TYPE TABLE HANDLER h;',
      }),
      entryOf(2, { tableam: 'columnar' }),
    ]
    const view = rewriteTableAccessMethod(viewOf(toc), { columnar: 'heap' })
    expect(view.toc[0]).toMatchObject({ tag: 'columnar', defn: toc[0]?.defn })
    expect(view.toc[1]?.tableam).toBe('heap')
  })
})

describe('rewriteDatabaseName()', () => {
  const database = entryOf(1, {
    desc: 'DATABASE',
    tag: 'Ap"p',
    namespace: null,
    defn: 'CREATE DATABASE "Ap""p" WITH TEMPLATE = template0;\n',
    dropStmt: 'DROP DATABASE "Ap""p";\n',
  })
  const toc = [
    database,
    entryOf(2, { desc: 'COMMENT', tag: 'DATABASE "Ap""p"', namespace: null, dependencies: [1], section: 'none' }),
    entryOf(3, {
      desc: 'DATABASE PROPERTIES',
      tag: 'Ap"p',
      namespace: null,
      dependencies: [1],
      defn: 'ALTER ROLE r IN DATABASE "Ap""p" SET work_mem TO \'1MB\';\n',
    }),
    entryOf(4, { tag: 'Ap"p' }),
  ]

  it('renames the entries of the database and the header', () => {
    const view = rewriteDatabaseName(viewOf(toc), 'new')
    expect(view.toc.map(({ tag }) => tag)).toEqual(['new', 'DATABASE new', 'new', 'Ap"p'])
    expect(view.toc[0]).toMatchObject({
      defn: 'CREATE DATABASE new WITH TEMPLATE = template0;\n',
      dropStmt: 'DROP DATABASE new;\n',
    })
    expect(view.toc[2]?.defn).toBe("ALTER ROLE r IN DATABASE new SET work_mem TO '1MB';\n")
    expect(view.header.dbname).toBe('new')
    expect(view.header.raw.dbname).toEqual(encodeByteString('new'))
  })

  it('makes a script connect to the new one', async () => {
    const view = filter(rewriteDatabaseName(viewOf([database]), 'N ew'), { create: true })
    const script = new TextDecoder().decode(await toSql(view, { restrictKey: false }).bytes({ maxBytes: 1e6 }))
    expect(script).toContain('CREATE DATABASE "N ew" WITH')
    expect(script).toContain(`\\connect -reuse-previous=on "dbname='N ew'"`)
  })

  it('renames what the header says where there is no entry of the database', () => {
    expect(rewriteDatabaseName(viewOf([entryOf(1)]), 'new').header.dbname).toBe('new')
    const old = headerOf({ dbname: null, raw: { ...headerOf().raw, dbname: null } })
    expect(rewriteDatabaseName(viewOf([entryOf(1)], { header: old }), 'new').header.dbname).toBeNull()
  })
})
