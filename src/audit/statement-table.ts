import type { WrittenTag } from './own-object.ts'
import { statementPattern, type StatementPattern } from './statement-pattern.ts'

/**
 * How the tag of an entry is made of the names in its statements: `object` is the name of it, `routine` the name with
 * its arguments, `part` table and name with a space between, `member` a publication and what it publishes; `none` is
 * not compared.
 */
export type TagForm = 'object' | 'routine' | 'part' | 'member' | 'grant' | 'none' | WrittenTag

/** What the definitions of one type of entry may hold. */
export interface EntryStatements {
  readonly tag: TagForm
  readonly defn: readonly StatementPattern[]
  readonly dropStmt: readonly StatementPattern[]
}

/** One type as it is written below. */
type Row = readonly [tag: TagForm, defn: readonly string[], dropStmt: readonly string[]]

/** What `pg_dump --binary-upgrade` puts before and behind a definition; no server takes the calls outside of pg_upgrade. */
const upgrade: readonly string[] = [
  "SELECT pg_catalog.binary_upgrade_set_next_array_pg_type_oid|binary_upgrade_set_next_heap_pg_class_oid|binary_upgrade_set_next_heap_relfilenode|binary_upgrade_set_next_index_pg_class_oid|binary_upgrade_set_next_index_relfilenode|binary_upgrade_set_next_multirange_array_pg_type_oid|binary_upgrade_set_next_multirange_pg_type_oid|binary_upgrade_set_next_pg_authid_oid|binary_upgrade_set_next_pg_enum_oid|binary_upgrade_set_next_pg_tablespace_oid|binary_upgrade_set_next_pg_type_oid|binary_upgrade_set_next_toast_pg_class_oid|binary_upgrade_set_next_toast_pg_type_oid|binary_upgrade_set_next_toast_relfilenode|binary_upgrade_set_missing_value (')",
]

/** The same, of objects that may belong to an extension: the object is made a part of it. */
const member = (object: string): readonly string[] => [...upgrade, `ALTER EXTENSION # ADD ${object}`]

const same = "oid|attrelid|attname|conname|conrelid|contype|datname <= ' [:: #] ; = 0 ; = v.dname ; IN (')>"
const frozen: readonly string[] = [
  "pg_class SET <relfrozenxid = ' , relminmxid = ' ; relispopulated = <true;'>>",
  "pg_attribute SET <attlen = 0 , attalign = ' , attbyval = false|true ; attislocal = false>",
  "pg_attribute SET attlen = v.dlen , attalign = v.dalign , attbyval = false FROM (') v ()",
  'pg_constraint SET conislocal = false',
  "pg_database SET datfrozenxid = ' , datminmxid = '",
].map((what) => `UPDATE pg_catalog.${what} WHERE ${same} {AND ${same}}`)

const dependsOnExtension = (type: string): string => `ALTER ${type} DEPENDS ON EXTENSION #`

const column = 'ALTER [FOREIGN] TABLE [ONLY] @ ALTER COLUMN #'

const rows: Readonly<Record<string, Row>> = {
  ENCODING: ['none', ["SET client_encoding = '"], []],
  STDSTRINGS: ['none', ["SET standard_conforming_strings = '"], []],
  SEARCHPATH: ['none', ["SELECT pg_catalog.set_config ( 'search_path' , ' , false )"], []],
  DATABASE: ['object', ['CREATE DATABASE @ [WITH *]', ...frozen], ['DROP DATABASE @']],
  'DATABASE PROPERTIES': [
    'object',
    [
      'ALTER DATABASE @ <CONNECTION LIMIT [=] 0 ; IS_TEMPLATE = true ; SET *>',
      'ALTER ROLE # IN DATABASE @ SET *',
      "UPDATE pg_catalog.pg_database SET datistemplate = <true;'> WHERE datname = '",
      ...frozen,
    ],
    [
      "UPDATE pg_catalog.pg_database SET datistemplate = <false;'> WHERE datname = '",
      'ALTER DATABASE @ IS_TEMPLATE = false',
    ],
  ],
  SCHEMA: ['object', ['CREATE SCHEMA @ [AUTHORIZATION #]', ...member('SCHEMA @')], ['DROP SCHEMA @']],
  EXTENSION: [
    'object',
    [
      "CREATE EXTENSION [IF NOT EXISTS] @ [WITH] [SCHEMA #] [VERSION <';#>] [FROM <';#>]",
      'DROP EXTENSION IF EXISTS @',
      "SELECT pg_catalog.binary_upgrade_create_empty_extension (')",
    ],
    ['DROP EXTENSION @'],
  ],
  TYPE: [
    'object',
    [
      'CREATE TYPE @ [AS [ENUM|RANGE]] [()]',
      "ALTER TYPE @ ADD VALUE '",
      'ALTER TYPE @ DROP ATTRIBUTE #',
      ...member('TYPE @'),
      ...frozen,
    ],
    ['DROP TYPE @ [CASCADE]'],
  ],
  'SHELL TYPE': ['object', ['CREATE TYPE @', ...member('TYPE @')], ['DROP TYPE @']],
  DOMAIN: ['object', ['CREATE DOMAIN @ AS ~', ...member('DOMAIN|TYPE @')], ['DROP DOMAIN|TYPE @']],
  COLLATION: ['object', ['CREATE COLLATION @ ()', ...member('COLLATION @')], ['DROP COLLATION @']],
  CONVERSION: [
    'object',
    ["CREATE [DEFAULT] CONVERSION @ FOR ' TO ' FROM #", ...member('CONVERSION @')],
    ['DROP CONVERSION @'],
  ],
  CAST: [
    'cast',
    [
      'CREATE CAST () <WITHOUT FUNCTION ; WITH INOUT ; WITH FUNCTION # ()> [AS ASSIGNMENT|IMPLICIT]',
      ...member('CAST ()'),
    ],
    ['DROP CAST ()'],
  ],
  TRANSFORM: [
    'transform',
    ['CREATE TRANSFORM FOR * LANGUAGE # ()', ...member('TRANSFORM FOR * LANGUAGE #')],
    ['DROP TRANSFORM FOR * LANGUAGE #'],
  ],
  'ACCESS METHOD': [
    'object',
    ['CREATE ACCESS METHOD @ TYPE INDEX|TABLE HANDLER #', ...member('ACCESS METHOD @')],
    ['DROP ACCESS METHOD @'],
  ],
  'PROCEDURAL LANGUAGE': [
    'object',
    [
      'CREATE [OR REPLACE] [TRUSTED] [PROCEDURAL] LANGUAGE @ [HANDLER #] [INLINE #] [VALIDATOR #]',
      ...member('[PROCEDURAL] LANGUAGE @'),
    ],
    ['DROP [PROCEDURAL] LANGUAGE @'],
  ],
  FUNCTION: [
    'routine',
    ['CREATE [OR REPLACE] FUNCTION @ () *', dependsOnExtension('FUNCTION @ ()'), ...member('FUNCTION @ ()')],
    ['DROP FUNCTION @ ()'],
  ],
  PROCEDURE: [
    'routine',
    ['CREATE [OR REPLACE] PROCEDURE @ () *', dependsOnExtension('PROCEDURE @ ()'), ...member('PROCEDURE @ ()')],
    ['DROP PROCEDURE @ ()'],
  ],
  AGGREGATE: ['routine', ['CREATE AGGREGATE @ () ()', ...member('AGGREGATE @ ()')], ['DROP AGGREGATE @ ()']],
  OPERATOR: ['operator', ['CREATE OPERATOR * ', ...member('OPERATOR *')], ['DROP OPERATOR * ']],
  'OPERATOR CLASS': [
    'object',
    ['CREATE OPERATOR CLASS @ [DEFAULT] FOR TYPE * USING # [FAMILY #] AS *', ...member('OPERATOR CLASS @ USING #')],
    ['DROP OPERATOR CLASS @ USING #'],
  ],
  'OPERATOR FAMILY': [
    'object',
    [
      'CREATE OPERATOR FAMILY @ USING #',
      'ALTER OPERATOR FAMILY @ USING # ADD *',
      ...member('OPERATOR FAMILY @ USING #'),
    ],
    ['DROP OPERATOR FAMILY @ USING #'],
  ],
  'TEXT SEARCH PARSER': [
    'object',
    ['CREATE TEXT SEARCH PARSER @ ()', ...member('TEXT SEARCH PARSER @')],
    ['DROP TEXT SEARCH PARSER @'],
  ],
  'TEXT SEARCH DICTIONARY': [
    'object',
    ['CREATE TEXT SEARCH DICTIONARY @ ()', ...member('TEXT SEARCH DICTIONARY @')],
    ['DROP TEXT SEARCH DICTIONARY @'],
  ],
  'TEXT SEARCH TEMPLATE': [
    'object',
    ['CREATE TEXT SEARCH TEMPLATE @ ()', ...member('TEXT SEARCH TEMPLATE @')],
    ['DROP TEXT SEARCH TEMPLATE @'],
  ],
  'TEXT SEARCH CONFIGURATION': [
    'object',
    [
      'CREATE TEXT SEARCH CONFIGURATION @ ()',
      'ALTER TEXT SEARCH CONFIGURATION @ ADD MAPPING FOR # WITH # {, #}',
      ...member('TEXT SEARCH CONFIGURATION @'),
    ],
    ['DROP TEXT SEARCH CONFIGURATION @'],
  ],
  'FOREIGN DATA WRAPPER': [
    'object',
    [
      'CREATE FOREIGN DATA WRAPPER @ [NO] [HANDLER #] [NO] [VALIDATOR #] [OPTIONS ()]',
      ...member('FOREIGN DATA WRAPPER @'),
    ],
    ['DROP FOREIGN DATA WRAPPER @'],
  ],
  SERVER: [
    'object',
    ["CREATE SERVER @ [TYPE '] [VERSION '] FOREIGN DATA WRAPPER # [OPTIONS ()]", ...member('SERVER @')],
    ['DROP SERVER @'],
  ],
  'USER MAPPING': [
    'mapping',
    ['CREATE USER MAPPING FOR # SERVER # [OPTIONS ()]'],
    ['DROP USER MAPPING [IF EXISTS] FOR # SERVER #'],
  ],
  TABLE: [
    'object',
    [
      'CREATE [UNLOGGED] TABLE @ [OF #] [PARTITION OF #] [()] [FOR VALUES *] [INHERITS ()] [PARTITION BY # ()] [WITH ()] [WITHOUT OIDS]',
      `${column} <SET STATISTICS 0 ; SET STORAGE # ; SET COMPRESSION # ; SET () ; SET NOT NULL>`,
      'ALTER TABLE [ONLY] @ <REPLICA IDENTITY FULL|NOTHING|DEFAULT ; FORCE ROW LEVEL SECURITY ; DROP COLUMN # ; INHERIT # ; OF #>',
      'ALTER TABLE [ONLY] @ ADD CONSTRAINT # ~',
      'ALTER TABLE [ONLY] # ATTACH PARTITION @ <FOR VALUES * ; DEFAULT>',
      // of the columns that no longer are, which a binary upgrade keeps
      ...member('TABLE @'),
      ...frozen,
    ],
    ['DROP TABLE @'],
  ],
  'FOREIGN TABLE': [
    'object',
    [
      'CREATE FOREIGN TABLE @ [PARTITION OF #] [()] [FOR VALUES *] [INHERITS ()] SERVER # [OPTIONS ()]',
      `${column} <OPTIONS () ; SET STATISTICS 0 ; SET STORAGE # ; SET () ; SET NOT NULL>`,
      'ALTER FOREIGN TABLE [ONLY] @ ADD CONSTRAINT # ~',
      'ALTER [FOREIGN] TABLE [ONLY] @ <DROP COLUMN # ; INHERIT # ; FORCE ROW LEVEL SECURITY ; REPLICA IDENTITY FULL|NOTHING|DEFAULT>',
      'ALTER TABLE [ONLY] # ATTACH PARTITION @ <FOR VALUES * ; DEFAULT>',
      ...member('FOREIGN TABLE @'),
      ...frozen,
    ],
    ['DROP FOREIGN TABLE @'],
  ],
  VIEW: ['object', ['CREATE VIEW @ [()] [WITH ()] AS *', ...member('VIEW @')], ['DROP VIEW @']],
  'MATERIALIZED VIEW': [
    'object',
    [
      'CREATE MATERIALIZED VIEW @ [()] [USING #] [WITH ()] AS * WITH NO DATA',
      'ALTER MATERIALIZED VIEW @ ALTER COLUMN # SET <STATISTICS 0 ; STORAGE # ; COMPRESSION # ; ()>',
      `${column} SET <STATISTICS 0 ; STORAGE # ; COMPRESSION # ; ()>`,
      dependsOnExtension('MATERIALIZED VIEW @'),
      ...member('MATERIALIZED VIEW @'),
      ...frozen,
    ],
    ['DROP MATERIALIZED VIEW @'],
  ],
  SEQUENCE: [
    'object',
    [
      'CREATE [UNLOGGED] SEQUENCE @ [AS #] {<START WITH 0 ; INCREMENT BY 0 ; NO MINVALUE ; NO MAXVALUE ; MINVALUE 0 ; MAXVALUE 0 ; CACHE 0 ; CYCLE>}',
      'ALTER TABLE [ONLY] # ALTER COLUMN # ADD GENERATED <ALWAYS ; BY DEFAULT> AS IDENTITY ()',
      'ALTER SEQUENCE @ SET LOGGED|UNLOGGED',
      ...member('SEQUENCE @'),
    ],
    ['DROP SEQUENCE @'],
  ],
  'SEQUENCE OWNED BY': ['object', ['ALTER SEQUENCE @ OWNED BY #'], []],
  'SEQUENCE SET': ['object', ["SELECT pg_catalog.setval ( '@' , 0 , true|false )"], []],
  'TABLE ATTACH': ['object', ['ALTER TABLE [ONLY] # ATTACH PARTITION @ <FOR VALUES * ; DEFAULT>'], []],
  'INDEX ATTACH': ['object', ['ALTER INDEX # ATTACH PARTITION @'], []],
  DEFAULT: [
    'part',
    ['ALTER [FOREIGN] TABLE [ONLY] @ ALTER [COLUMN] & SET DEFAULT ~', 'ALTER VIEW @ ALTER [COLUMN] & SET DEFAULT ~'],
    ['ALTER [FOREIGN] TABLE [ONLY] @ ALTER [COLUMN] & DROP DEFAULT', 'ALTER VIEW @ ALTER [COLUMN] & DROP DEFAULT'],
  ],
  'CHECK CONSTRAINT': [
    'part',
    ['ALTER <[FOREIGN] TABLE [ONLY] ; DOMAIN> @ ADD CONSTRAINT & CHECK|NOT ~'],
    ['ALTER <[FOREIGN] TABLE [ONLY] ; DOMAIN> @ DROP CONSTRAINT &'],
  ],
  CONSTRAINT: [
    'part',
    [
      'ALTER [FOREIGN] TABLE [ONLY] @ ADD CONSTRAINT & UNIQUE|PRIMARY|EXCLUDE|NOT|CHECK ~',
      'ALTER TABLE [ONLY] @ CLUSTER ON #',
      'ALTER TABLE [ONLY] @ REPLICA IDENTITY USING INDEX #',
      'ALTER INDEX # ALTER COLUMN 0 SET STATISTICS 0',
      dependsOnExtension('INDEX #'),
      ...upgrade,
    ],
    ['ALTER [FOREIGN] TABLE [ONLY] @ DROP CONSTRAINT &'],
  ],
  'FK CONSTRAINT': [
    'part',
    ['ALTER [FOREIGN] TABLE [ONLY] @ ADD CONSTRAINT & FOREIGN KEY () REFERENCES ~'],
    ['ALTER [FOREIGN] TABLE [ONLY] @ DROP CONSTRAINT &'],
  ],
  INDEX: [
    'object',
    [
      'CREATE [UNIQUE] INDEX @ ON [ONLY] # ~',
      'ALTER INDEX @ ALTER COLUMN 0 SET STATISTICS 0',
      'ALTER TABLE [ONLY] # CLUSTER ON @',
      'ALTER TABLE [ONLY] # REPLICA IDENTITY USING INDEX @',
      dependsOnExtension('INDEX @'),
      ...upgrade,
    ],
    ['DROP INDEX @'],
  ],
  STATISTICS: [
    'object',
    ['CREATE STATISTICS @ [()] ON *', 'ALTER STATISTICS @ SET STATISTICS 0', ...upgrade],
    ['DROP STATISTICS @'],
  ],
  RULE: [
    'part',
    [
      'CREATE [OR REPLACE] RULE & AS ON SELECT|INSERT|UPDATE|DELETE TO @ *',
      'CREATE OR REPLACE VIEW @ [()] [WITH ()] AS *',
      'ALTER TABLE [ONLY] @ <DISABLE ; ENABLE [ALWAYS|REPLICA]> RULE &',
      ...upgrade,
    ],
    ['DROP RULE & ON @', 'CREATE OR REPLACE VIEW @ [()] [WITH ()] AS SELECT *'],
  ],
  TRIGGER: [
    'part',
    [
      'CREATE [OR REPLACE] [CONSTRAINT] TRIGGER & * ON @ * EXECUTE FUNCTION|PROCEDURE # ()',
      'ALTER [FOREIGN] TABLE [ONLY] @ <DISABLE ; ENABLE [ALWAYS|REPLICA]> TRIGGER &',
      dependsOnExtension('TRIGGER & ON @'),
      ...upgrade,
    ],
    ['DROP TRIGGER & ON @'],
  ],
  'EVENT TRIGGER': [
    'object',
    [
      'CREATE EVENT TRIGGER @ ON # [WHEN # IN () {AND # IN ()}] EXECUTE FUNCTION|PROCEDURE # ()',
      'ALTER EVENT TRIGGER @ <DISABLE ; ENABLE [ALWAYS|REPLICA]>',
      ...member('EVENT TRIGGER @'),
    ],
    ['DROP EVENT TRIGGER @'],
  ],
  POLICY: ['part', ['CREATE POLICY & ON @ *'], ['DROP POLICY & ON @']],
  'ROW SECURITY': ['object', ['ALTER TABLE [ONLY] @ ENABLE ROW LEVEL SECURITY'], []],
  PUBLICATION: [
    'object',
    ['CREATE PUBLICATION @ [FOR ALL TABLES|SEQUENCES {, ALL TABLES|SEQUENCES}] [WITH ()]'],
    ['DROP PUBLICATION @'],
  ],
  'PUBLICATION TABLE': ['member', ['ALTER PUBLICATION & ADD TABLE [ONLY] @ [()] [WHERE ()]'], []],
  'PUBLICATION TABLES IN SCHEMA': ['member', ['ALTER PUBLICATION & ADD TABLES IN SCHEMA @'], []],
  SUBSCRIPTION: [
    'object',
    [
      "CREATE SUBSCRIPTION @ CONNECTION ' PUBLICATION # {, #} [WITH ()]",
      'ALTER SUBSCRIPTION @ ENABLE',
      "SELECT pg_catalog.binary_upgrade_replorigin_advance (')",
    ],
    ['DROP SUBSCRIPTION @'],
  ],
  'SUBSCRIPTION TABLE': ['none', ["SELECT pg_catalog.binary_upgrade_add_sub_rel_state (')"], []],
  'TABLE DATA': ['none', [], []],
  'MATERIALIZED VIEW DATA': ['object', ['REFRESH MATERIALIZED VIEW @'], []],
  'STATISTICS DATA': [
    'statistics',
    ["SELECT * FROM pg_catalog.pg_restore_relation_stats|pg_restore_attribute_stats|pg_restore_extended_stats (')"],
    [],
  ],
  BLOB: ['large object', ["SELECT pg_catalog.lo_create (')"], ["SELECT pg_catalog.lo_unlink (')"]],
  // one number on each line, and no SQL
  'BLOB METADATA': ['none', [], []],
  BLOBS: ['none', [], []],
  'BLOB COMMENTS': ['none', [], []],
  pg_largeobject: ['none', [...upgrade, ...frozen, 'TRUNCATE pg_catalog.pg_largeobject'], []],
  COMMENT: ['remark', ["COMMENT ON * IS <';NULL>"], []],
  'SECURITY LABEL': ['label', ["SECURITY LABEL FOR # ON * IS <';NULL>"], []],
  ACL: [
    'grant',
    [
      ...['GRANT * ON', 'REVOKE * ON'].flatMap((verb, index) =>
        [
          '[TABLE|SEQUENCE|FUNCTION|PROCEDURE|ROUTINE|TYPE|DOMAIN|SCHEMA|LANGUAGE|DATABASE] @ [()]',
          'FOREIGN SERVER @',
          'FOREIGN DATA WRAPPER @',
          'LARGE OBJECT 0',
        ].map((object) => `${verb} ${object} ${index === 0 ? 'TO' : 'FROM'} *`),
      ),
      "SET SESSION AUTHORIZATION <';#>",
      'RESET SESSION AUTHORIZATION',
      "SELECT pg_catalog.binary_upgrade_set_record_init_privs (')",
    ],
    [],
  ],
  'DEFAULT ACL': [
    'defaults',
    [
      'ALTER DEFAULT PRIVILEGES FOR ROLE # [IN SCHEMA #] GRANT|REVOKE * ON TABLES|SEQUENCES|FUNCTIONS|ROUTINES|TYPES|SCHEMAS TO|FROM *',
      'ALTER DEFAULT PRIVILEGES FOR ROLE # [IN SCHEMA #] GRANT|REVOKE * ON LARGE OBJECTS TO|FROM *',
    ],
    [],
  ],
}

const compiled = new Map<string, EntryStatements>()

/** What the entries of a type may hold; undefined for a type that pg_dump does not write. */
export function statementsOf(desc: string): EntryStatements | undefined {
  const known = compiled.get(desc)
  if (known !== undefined) return known
  const row = Object.hasOwn(rows, desc) ? rows[desc] : undefined
  if (row === undefined) return undefined
  const [tag, defn, dropStmt] = row
  const made = { tag, defn: defn.map(statementPattern), dropStmt: dropStmt.map(statementPattern) }
  compiled.set(desc, made)
  return made
}

/** What feeds the rows of a table. */
export const copyStatement: StatementPattern = statementPattern('COPY @ [()] [WITH OIDS] FROM stdin')
