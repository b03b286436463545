import { keyOf } from './created-objects.ts'
import { literal, textArray, type Ask } from './questions.ts'

/**
 * Objects by kind and name, as `kind\0schema\0name…`; each with what the role that restores may do with it: `owned` to
 * drop it, `filled` to load rows into it.
 */
export type ObjectsThere = ReadonlyMap<string, { readonly owned: boolean; readonly filled: boolean }>

/** Signatures as pg_dump writes them into tags. */
const signature = `coalesce((SELECT string_agg(format_type(type, NULL), ', ' ORDER BY place)
  FROM unnest(p.proargtypes) WITH ORDINALITY AS of (type, place)), CASE p.prokind WHEN 'a' THEN '*' ELSE '' END)`

/** A SELECT for each kind: kind, names, whether owned, whether it may be filled. */
function selects(schemas: string, major: number): readonly string[] {
  const there = `n.nspname = ANY (${schemas})`
  const named = (kind: string, table: string, prefix: string, more = ''): string =>
    `SELECT '${kind}', ARRAY[n.nspname, o.${prefix}name]::text[], pg_has_role(o.${prefix}owner, 'USAGE'), false
      FROM pg_catalog.${table} o JOIN pg_catalog.pg_namespace n ON n.oid = o.${prefix}namespace WHERE ${there} ${more}`
  const alone = (kind: string, table: string, prefix: string): string =>
    `SELECT '${kind}', ARRAY[o.${prefix}name]::text[], pg_has_role(o.${prefix}owner, 'USAGE'), false FROM pg_catalog.${table} o`
  const ofTable = (kind: string, table: string, name: string, relation: string, more = ''): string =>
    `SELECT '${kind}', ARRAY[n.nspname, c.relname, o.${name}]::text[], pg_has_role(c.relowner, 'USAGE'), false
      FROM pg_catalog.${table} o JOIN pg_catalog.pg_class c ON c.oid = o.${relation}
      JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace WHERE ${there} ${more}`
  const inPublications = `SELECT 'publication of table', ARRAY[p.pubname, n.nspname, c.relname]::text[], pg_has_role(p.pubowner, 'USAGE'), false
    FROM pg_catalog.pg_publication_rel o JOIN pg_catalog.pg_publication p ON p.oid = o.prpubid
    JOIN pg_catalog.pg_class c ON c.oid = o.prrelid JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace`
  const publishedSchemas = `SELECT 'publication of schema', ARRAY[p.pubname, n.nspname]::text[], pg_has_role(p.pubowner, 'USAGE'), false
    FROM pg_catalog.pg_publication_namespace o JOIN pg_catalog.pg_publication p ON p.oid = o.pnpubid
    JOIN pg_catalog.pg_namespace n ON n.oid = o.pnnspid`
  return [
    named('relation', 'pg_class', 'rel', `AND o.relkind NOT IN ('c', 't')`).replace(
      ', false',
      `, has_table_privilege(o.oid, 'INSERT')`,
    ),
    `SELECT 'type', ARRAY[n.nspname, o.typname]::text[], pg_has_role(o.typowner, 'USAGE'), false
      FROM pg_catalog.pg_type o JOIN pg_catalog.pg_namespace n ON n.oid = o.typnamespace
      WHERE ${there} AND NOT EXISTS (SELECT FROM pg_catalog.pg_type e WHERE e.typarray = o.oid)`,
    `SELECT 'routine', ARRAY[n.nspname, p.proname || '(' || ${signature} || ')']::text[], pg_has_role(p.proowner, 'USAGE'), false
      FROM pg_catalog.pg_proc p JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace WHERE ${there}`,
    `SELECT 'operator', ARRAY[n.nspname, o.oprname || '(' || coalesce(format_type(nullif(o.oprleft, 0), NULL), 'NONE') || ',' ||
      coalesce(format_type(nullif(o.oprright, 0), NULL), 'NONE') || ')']::text[], pg_has_role(o.oprowner, 'USAGE'), false
      FROM pg_catalog.pg_operator o JOIN pg_catalog.pg_namespace n ON n.oid = o.oprnamespace WHERE ${there}`,
    ...(['opclass', 'opfamily'] as const).map((table) => {
      const [prefix, kind] = table === 'opclass' ? (['opc', 'class'] as const) : (['opf', 'family'] as const)
      const method = table === 'opclass' ? 'opcmethod' : 'opfmethod'
      return `SELECT 'operator ${kind}', ARRAY[n.nspname, o.${prefix}name, a.amname]::text[], pg_has_role(o.${prefix}owner, 'USAGE'), false
        FROM pg_catalog.pg_${table} o JOIN pg_catalog.pg_namespace n ON n.oid = o.${prefix}namespace
        JOIN pg_catalog.pg_am a ON a.oid = o.${method} WHERE ${there}`
    }),
    named(
      'collation',
      'pg_collation',
      'coll',
      `AND o.collencoding IN (-1, pg_char_to_encoding(getdatabaseencoding()))`,
    ),
    named('conversion', 'pg_conversion', 'con'),
    named('statistics', 'pg_statistic_ext', 'stx'),
    named('text search configuration', 'pg_ts_config', 'cfg'),
    named('text search dictionary', 'pg_ts_dict', 'dict'),
    ...[
      ['parser', 'prs'],
      ['template', 'tmpl'],
    ].map(
      ([kind, prefix]) =>
        `SELECT 'text search ${kind}', ARRAY[n.nspname, o.${prefix}name]::text[], false, false
          FROM pg_catalog.pg_ts_${kind} o JOIN pg_catalog.pg_namespace n ON n.oid = o.${prefix}namespace WHERE ${there}`,
    ),
    ofTable('constraint', 'pg_constraint', 'conname', 'conrelid'),
    `SELECT 'primary key', ARRAY[n.nspname, c.relname]::text[], pg_has_role(c.relowner, 'USAGE'), false
      FROM pg_catalog.pg_constraint o JOIN pg_catalog.pg_class c ON c.oid = o.conrelid
      JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace WHERE o.contype = 'p' AND ${there}`,
    `SELECT 'domain constraint', ARRAY[n.nspname, t.typname, o.conname]::text[], pg_has_role(t.typowner, 'USAGE'), false
      FROM pg_catalog.pg_constraint o JOIN pg_catalog.pg_type t ON t.oid = o.contypid
      JOIN pg_catalog.pg_namespace n ON n.oid = t.typnamespace WHERE ${there}`,
    ofTable('trigger', 'pg_trigger', 'tgname', 'tgrelid', 'AND NOT o.tgisinternal'),
    ofTable('rule', 'pg_rewrite', 'rulename', 'ev_class'),
    ofTable('policy', 'pg_policy', 'polname', 'polrelid'),
    alone('schema', 'pg_namespace', 'nsp'),
    alone('event trigger', 'pg_event_trigger', 'evt'),
    alone('foreign-data wrapper', 'pg_foreign_data_wrapper', 'fdw'),
    alone('server', 'pg_foreign_server', 'srv'),
    alone('publication', 'pg_publication', 'pub'),
    alone('language', 'pg_language', 'lan'),
    `SELECT 'transform', ARRAY[format_type(o.trftype, NULL), l.lanname]::text[], false, false
      FROM pg_catalog.pg_transform o JOIN pg_catalog.pg_language l ON l.oid = o.trflang`,
    `SELECT 'user mapping', ARRAY[usename, srvname]::text[], false, false FROM pg_catalog.pg_user_mappings`,
    `SELECT 'access method', ARRAY[amname]::text[], false, false FROM pg_catalog.pg_am`,
    `SELECT 'cast', ARRAY[format_type(castsource, NULL) || ' AS ' || format_type(casttarget, NULL)], false, false
      FROM pg_catalog.pg_cast WHERE oid >= 16384`,
    inPublications,
    ...(major >= 15 ? [publishedSchemas] : []),
  ]
}

/**
 * Asks for what is in the schemas that the archive names, and for what is in none: one question. Subscriptions are seen
 * by name only where the server lets everybody see them.
 */
export async function readObjectsThere(
  ask: Ask,
  major: number,
  schemas: ReadonlySet<string>,
  largeObjects: boolean,
): Promise<ObjectsThere> {
  const lists = selects(textArray(schemas), major)
  const subscriptions = `SELECT 'subscription', ARRAY[subname]::text[], pg_has_role(subowner, 'USAGE'), false
    FROM pg_catalog.pg_subscription WHERE subdbid = (SELECT oid FROM pg_catalog.pg_database WHERE datname = current_database())`
  const objects = `SELECT 'large object', ARRAY[oid::text], pg_has_role(lomowner, 'USAGE'), false FROM pg_catalog.pg_largeobject_metadata`
  const all = [...lists, subscriptions, ...(largeObjects ? [objects] : [])]
  const union = all.join('\nUNION ALL\n')
  const separator = literal('\u0001')
  const rows = await ask(
    `SELECT kind, array_to_string(names, ${separator}), owned, filled FROM (\n${union}\n) AS o (kind, names, owned, filled)`,
  )
  return new Map(
    rows.map(([kind, names, owned, filled]) => [
      keyOf(kind ?? '', ...(names ?? '').split('\u0001')),
      { owned: owned === 't', filled: filled === 't' },
    ]),
  )
}
