import { describe, expect, it } from 'vitest'
import { findDatabases, findTableAccessMethods, findTablespaces } from '../../../src/sql/find-storage.ts'
import { renaming } from './rename.ts'

describe('findTablespaces()', () => {
  const run = renaming(findTablespaces, { fast: 'Slow One' })

  it.each([
    [
      'CREATE DATABASE fast WITH TEMPLATE = template0 TABLESPACE = fast;',
      'CREATE DATABASE fast WITH TEMPLATE = template0 TABLESPACE = "Slow One";',
    ],
    ['ALTER DATABASE fast SET TABLESPACE fast;', 'ALTER DATABASE fast SET TABLESPACE "Slow One";'],
    ["ALTER DATABASE d SET default_tablespace TO 'fast';", "ALTER DATABASE d SET default_tablespace TO 'Slow One';"],
    [
      "ALTER ROLE r IN DATABASE d SET temp_tablespaces TO 'fast', 'other';",
      "ALTER ROLE r IN DATABASE d SET temp_tablespaces TO 'Slow One', 'other';",
    ],
    ['ALTER INDEX app.i SET TABLESPACE fast;', 'ALTER INDEX app.i SET TABLESPACE "Slow One";'],
  ])('renames in %s', (before, after) => {
    expect(run(before)).toEqual({ text: after, left: [] })
  })

  it.each(['CREATE DATABASE d TABLESPACE = DEFAULT;', 'CREATE TABLE fast (tablespace fast);'])('leaves %s', (sql) => {
    expect(run(sql)).toEqual({ text: sql, left: [] })
  })
})

describe('findTableAccessMethods()', () => {
  const run = renaming(findTableAccessMethods, { columnar: 'heap' })

  it.each([
    ['ALTER TABLE app.columnar SET ACCESS METHOD columnar;', 'ALTER TABLE app.columnar SET ACCESS METHOD heap;'],
    [
      "ALTER DATABASE d SET default_table_access_method TO 'columnar';",
      "ALTER DATABASE d SET default_table_access_method TO 'heap';",
    ],
    ['CREATE TABLE t (x integer) USING columnar;', 'CREATE TABLE t (x integer) USING heap;'],
    ['CREATE MATERIALIZED VIEW m USING columnar AS SELECT 1;', 'CREATE MATERIALIZED VIEW m USING heap AS SELECT 1;'],
  ])('renames in %s', (before, after) => {
    expect(run(before)).toEqual({ text: after, left: [] })
  })

  it.each([
    'CREATE ACCESS METHOD columnar TYPE TABLE HANDLER columnar;',
    "COMMENT ON ACCESS METHOD columnar IS 'x';",
    'CREATE INDEX i ON t USING columnar (x);',
    'CREATE MATERIALIZED VIEW m AS SELECT 1 FROM a JOIN columnar USING (columnar);',
  ])('leaves %s', (sql) => {
    expect(run(sql)).toEqual({ text: sql, left: [] })
  })
})

describe('findDatabases()', () => {
  const run = renaming(findDatabases, { app: 'N"ew' })

  it.each([
    ['CREATE DATABASE app WITH TEMPLATE = app;', 'CREATE DATABASE "N""ew" WITH TEMPLATE = app;'],
    ['DROP DATABASE IF EXISTS app;', 'DROP DATABASE IF EXISTS "N""ew";'],
    ["ALTER DATABASE app SET work_mem TO '1';", 'ALTER DATABASE "N""ew" SET work_mem TO \'1\';'],
    [
      "ALTER ROLE app IN DATABASE app SET work_mem TO '1';",
      'ALTER ROLE app IN DATABASE "N""ew" SET work_mem TO \'1\';',
    ],
    ['GRANT CONNECT ON DATABASE app TO app;', 'GRANT CONNECT ON DATABASE "N""ew" TO app;'],
    ["COMMENT ON DATABASE app IS 'app';", 'COMMENT ON DATABASE "N""ew" IS \'app\';'],
    [
      "UPDATE pg_catalog.pg_database SET datistemplate = true WHERE datname = 'app';",
      "UPDATE pg_catalog.pg_database SET datistemplate = true WHERE datname = 'N\"ew';",
    ],
  ])('renames in %s', (before, after) => {
    expect(run(before)).toEqual({ text: after, left: [] })
  })

  it.each(['CREATE TABLE app (database app);', "CREATE SUBSCRIPTION s CONNECTION 'dbname=app' PUBLICATION app;"])(
    'leaves %s',
    (sql) => {
      expect(run(sql)).toEqual({ text: sql, left: [] })
    },
  )
})
