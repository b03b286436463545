import type { Section } from './types.ts'

/** What pg_dump writes in an entry for its type alone. */
export interface EntryKind {
  readonly section: Section
  /** OID of the system catalog that the object is in (pg_class.oid of pg_class and so on), 0 for none. */
  readonly tableoid: number
  /** The object lies in a tablespace: `''` stands for the database's own. */
  readonly hasTablespace: boolean
}

const sections: Readonly<Record<string, Section>> = {
  COMMENT: 'none',
  'SECURITY LABEL': 'none',
  ACL: 'none',
  'TABLE DATA': 'data',
  'SEQUENCE SET': 'data',
  'BLOB METADATA': 'data',
  BLOBS: 'data',
  'STATISTICS DATA': 'data',
  'CHECK CONSTRAINT': 'post-data',
  CONSTRAINT: 'post-data',
  'FK CONSTRAINT': 'post-data',
  INDEX: 'post-data',
  'INDEX ATTACH': 'post-data',
  STATISTICS: 'post-data',
  RULE: 'post-data',
  TRIGGER: 'post-data',
  POLICY: 'post-data',
  'ROW SECURITY': 'post-data',
  PUBLICATION: 'post-data',
  'PUBLICATION TABLE': 'post-data',
  'PUBLICATION TABLES IN SCHEMA': 'post-data',
  SUBSCRIPTION: 'post-data',
  'SUBSCRIPTION TABLE': 'post-data',
  'EVENT TRIGGER': 'post-data',
  'DEFAULT ACL': 'post-data',
  'MATERIALIZED VIEW DATA': 'post-data',
}

const catalogs: Readonly<Record<string, number>> = {
  TABLE: 1259,
  VIEW: 1259,
  'MATERIALIZED VIEW': 1259,
  'FOREIGN TABLE': 1259,
  SEQUENCE: 1259,
  INDEX: 1259,
  TYPE: 1247,
  DOMAIN: 1247,
  FUNCTION: 1255,
  PROCEDURE: 1255,
  AGGREGATE: 1255,
  DATABASE: 1262,
  DEFAULT: 2604,
  'CHECK CONSTRAINT': 2606,
  CONSTRAINT: 2606,
  'FK CONSTRAINT': 2606,
  BLOB: 2613,
  'BLOB METADATA': 2613,
  SCHEMA: 2615,
  RULE: 2618,
  TRIGGER: 2620,
  EXTENSION: 3079,
  POLICY: 3256,
}

const inTablespace = new Set(['TABLE', 'MATERIALIZED VIEW', 'INDEX', 'CONSTRAINT'])

/** See spec/toc.md for the types that pg_dump writes; anything else is taken for pre-data. */
export function entryKind(desc: string): EntryKind {
  return {
    section: sections[desc] ?? 'pre-data',
    tableoid: catalogs[desc] ?? 0,
    hasTablespace: inTablespace.has(desc),
  }
}
