import { predefinedRoles } from './predefined-roles.ts'
import { clonedTrigger } from './target-partitions.ts'
import {
  brinClasses,
  builtInLocale,
  calls,
  classParameters,
  columnVersion,
  constructs,
  cycleClause,
  numericScale,
  outParameter,
  parallelStreaming,
  periodForeignKey,
  streaming,
  begins,
  builtIns,
  columnCompression,
  databaseLocale,
  indexStatistics,
  publishedTruncations,
  procedureIn,
  localeProvider,
  maintainPrivilege,
  multirangeName,
  namesRole,
  newPartitionBound,
  notNullConstraint,
  plannerStatistics,
  publicationRows,
  sequenceType,
  sets,
  settingWithDefault,
  sqlBody,
  statisticsOnExpressions,
  statisticsTarget,
  storageSettings,
  unloggedSequence,
  uses,
  virtualColumn,
  type Judge,
} from './target-judges.ts'
import { joinAlias, jsonOfMore, mergeReturning, substringSimilar, xmlIndent } from './target-queries.ts'

/** One feature of SQL and what to do for servers from before it. */
export interface TargetRule {
  /** First major release whose server knows it (9.6 and older all do without a rule). */
  readonly since: number
  /** What the server lacks, to follow "PostgreSQL 13 has no". */
  readonly feature: string
  /** Entry types in which to look; absent: all. */
  readonly types?: readonly string[]
  readonly judge: Judge
}

const routines = ['FUNCTION', 'PROCEDURE', 'AGGREGATE'] as const
const relations = ['TABLE', 'VIEW', 'MATERIALIZED VIEW', 'FOREIGN TABLE'] as const
const queries = ['VIEW', 'MATERIALIZED VIEW', 'RULE', 'FUNCTION', 'PROCEDURE', 'POLICY', 'DEFAULT'] as const
const grants = ['ACL', 'DEFAULT ACL'] as const
/** Where an expression may stand. */
const expressions = [
  ...queries,
  'TABLE',
  'FOREIGN TABLE',
  'DOMAIN',
  'CONSTRAINT',
  'CHECK CONSTRAINT',
  'INDEX',
  'TRIGGER',
  'STATISTICS',
  'PUBLICATION TABLE',
] as const
const storage = ['TABLE', 'MATERIALIZED VIEW', 'INDEX', 'CONSTRAINT'] as const

/** Every difference that is known, newest first. What is not here is printed as it is. */
export const targetRules: readonly TargetRule[] = [
  // Minor releases of several majors
  {
    since: Infinity,
    feature: 'option pg_attver of columns',
    types: ['TABLE', 'FOREIGN TABLE', 'MATERIALIZED VIEW'],
    judge: columnVersion,
  },
  // Each release that brought some
  ...predefinedRoles().map(({ since, names }) => ({
    since,
    feature: names.length === 1 ? `role ${names[0]}` : `roles ${names.join(', ')}`,
    types: [...grants, 'POLICY'],
    judge: namesRole(names),
  })),
  // 18
  {
    since: 18,
    feature: 'uuidv7 and other functions',
    types: expressions,
    judge: calls('array_reverse', 'array_sort', 'casefold', 'crc32', 'crc32c', 'gamma', 'lgamma', 'uuidv4', 'uuidv7'),
  },
  { since: 18, feature: 'locale PG_UNICODE_FAST', types: ['COLLATION', 'DATABASE'], judge: builtInLocale },
  {
    since: 18,
    feature: 'autovacuum_vacuum_max_threshold and vacuum_max_eager_freeze_failure_rate',
    types: storage,
    judge: storageSettings('autovacuum_vacuum_max_threshold', 'vacuum_max_eager_freeze_failure_rate'),
  },
  { since: 18, feature: 'virtual generated columns', types: ['TABLE', 'FOREIGN TABLE'], judge: virtualColumn },
  {
    since: 18,
    feature: 'constraints NOT NULL of a table',
    types: ['TABLE', 'FOREIGN TABLE', 'CONSTRAINT', 'CHECK CONSTRAINT'],
    judge: notNullConstraint,
  },
  { since: 18, feature: 'constraints that are NOT ENFORCED', judge: uses('not enforced') },
  { since: 18, feature: 'WITHOUT OVERLAPS', types: ['CONSTRAINT', 'INDEX'], judge: uses('without overlaps') },
  { since: 18, feature: 'foreign keys with PERIOD', types: ['FK CONSTRAINT'], judge: periodForeignKey },
  {
    since: 18,
    feature: 'publish_generated_columns',
    types: ['PUBLICATION'],
    judge: settingWithDefault('publish_generated_columns', (value) => /none/i.test(value)),
  },
  {
    since: 18,
    feature: 'default privileges for large objects',
    types: ['DEFAULT ACL'],
    judge: uses('on large objects'),
  },
  {
    since: 18,
    feature: 'functions to restore planner statistics',
    types: ['STATISTICS DATA'],
    judge: plannerStatistics,
  },
  {
    since: 18,
    feature: 'names of OLD and NEW in RETURNING',
    types: ['RULE', 'FUNCTION', 'PROCEDURE'],
    judge: uses('returning with ('),
  },
  // 17
  { since: 17, feature: 'names of constraints NOT NULL of domains', types: ['DOMAIN'], judge: notNullConstraint },
  {
    since: 17,
    feature: 'to_bin and other functions',
    types: expressions,
    judge: calls(
      'to_bin',
      'to_oct',
      'unicode_assigned',
      'uuid_extract_timestamp',
      'uuid_extract_version',
      'to_regtypemod',
      'xmltext',
    ),
  },
  {
    since: 17,
    feature: 'MERGE with RETURNING or NOT MATCHED BY',
    types: ['RULE', 'FUNCTION', 'PROCEDURE'],
    judge: uses('not matched by', 'merge_action ('),
  },
  {
    since: 17,
    feature: 'MERGE with RETURNING or NOT MATCHED BY',
    types: ['FUNCTION', 'PROCEDURE'],
    judge: mergeReturning,
  },
  { since: 17, feature: 'AT LOCAL', types: expressions, judge: uses('at local') },
  {
    since: 17,
    feature: 'collation provider builtin',
    types: ['COLLATION', 'DATABASE'],
    judge: uses('provider = builtin', 'locale_provider = builtin'),
  },
  {
    since: 17,
    feature: 'JSON_TABLE and the JSON query functions',
    types: queries,
    judge: constructs('JSON_TABLE', 'JSON_EXISTS', 'JSON_QUERY', 'JSON_VALUE', 'JSON_SCALAR', 'JSON_SERIALIZE'),
  },
  { since: 17, feature: 'JSON() with more than a value', types: queries, judge: jsonOfMore },
  { since: 17, feature: 'privilege MAINTAIN', types: grants, judge: maintainPrivilege },
  { since: 17, feature: 'event triggers on login', types: ['EVENT TRIGGER'], judge: uses('on login') },
  { since: 17, feature: 'subscription setting failover', types: ['SUBSCRIPTION'], judge: sets('failover') },
  // 16
  {
    since: 16,
    feature: 'any_value and other functions',
    types: expressions,
    judge: calls(
      'any_value',
      'array_sample',
      'array_shuffle',
      'date_add',
      'date_subtract',
      'erf',
      'erfc',
      'pg_input_is_valid',
      'random_normal',
    ),
  },
  { since: 16, feature: 'INDENT of XMLSERIALIZE', types: expressions, judge: xmlIndent },
  { since: 16, feature: 'SYSTEM_USER', types: expressions, judge: builtIns('system_user') },
  { since: 16, feature: 'ICU rules', types: ['COLLATION', 'DATABASE'], judge: sets('rules', 'icu_rules') },
  {
    since: 16,
    feature: 'SQL/JSON constructors',
    types: queries,
    judge: constructs('JSON_ARRAY', 'JSON_ARRAYAGG', 'JSON_OBJECT', 'JSON_OBJECTAGG'),
  },
  { since: 16, feature: 'IS JSON', types: queries, judge: uses('is json', 'is not json') },
  {
    since: 16,
    feature: 'subscription setting streaming = parallel',
    types: ['SUBSCRIPTION'],
    judge: parallelStreaming,
  },
  {
    since: 16,
    feature: 'subscription settings origin, password_required and run_as_owner',
    types: ['SUBSCRIPTION'],
    judge: sets('origin', 'password_required', 'run_as_owner'),
  },
  // 15
  {
    since: 15,
    feature: 'regexp_like and other functions',
    types: expressions,
    judge: calls('has_parameter_privilege', 'regexp_count', 'regexp_instr', 'regexp_like', 'regexp_substr'),
  },
  {
    since: 15,
    feature: 'scales of numeric below zero or above the precision',
    types: [...relations, ...routines, ...expressions, 'TYPE'],
    judge: numericScale,
  },
  { since: 15, feature: 'NULLS NOT DISTINCT', types: ['CONSTRAINT', 'INDEX'], judge: uses('nulls not distinct') },
  { since: 15, feature: 'unlogged sequences', types: ['SEQUENCE', 'TABLE'], judge: unloggedSequence },
  { since: 15, feature: 'views with security_invoker', types: ['VIEW'], judge: sets('security_invoker') },
  {
    since: 15,
    feature: 'column lists of ON DELETE SET',
    types: ['FK CONSTRAINT'],
    judge: uses('set null (', 'set default ('),
  },
  {
    since: 15,
    feature: 'publications of schemas',
    types: ['PUBLICATION TABLES IN SCHEMA'],
    judge: uses('tables in schema'),
  },
  { since: 15, feature: 'publications of rows or columns', types: ['PUBLICATION TABLE'], judge: publicationRows },
  {
    since: 15,
    feature: 'subscription settings two_phase and disable_on_error',
    types: ['SUBSCRIPTION'],
    judge: sets('two_phase', 'disable_on_error'),
  },
  { since: 15, feature: 'locale providers', types: ['DATABASE'], judge: localeProvider },
  { since: 15, feature: 'privileges on parameters', types: grants, judge: uses('on parameter') },
  { since: 15, feature: 'MERGE', types: ['RULE', 'FUNCTION', 'PROCEDURE'], judge: uses('merge into') },
  // 14
  {
    since: 14,
    feature: 'date_bin and other functions',
    types: expressions,
    judge: calls(
      'bit_count',
      'bit_xor',
      'date_bin',
      'multirange',
      'range_agg',
      'string_to_table',
      'trim_array',
      'unistr',
    ),
  },
  { since: 14, feature: 'parameters OUT of procedures', types: ['PROCEDURE'], judge: outParameter },
  {
    since: 14,
    feature: 'operator classes of BRIN with several ranges or a filter',
    types: ['INDEX'],
    judge: brinClasses,
  },
  { since: 14, feature: 'SQL bodies of functions', types: routines, judge: sqlBody },
  { since: 14, feature: 'column compression', judge: columnCompression },
  { since: 14, feature: 'multirange_type_name', types: ['TYPE'], judge: multirangeName },
  {
    since: 14,
    feature: 'multirange types',
    types: [...relations, ...routines, 'TYPE', 'DOMAIN'],
    judge: builtIns(
      'int4multirange',
      'int8multirange',
      'nummultirange',
      'tsmultirange',
      'tstzmultirange',
      'datemultirange',
      'anymultirange',
      'anycompatiblemultirange',
    ),
  },
  { since: 14, feature: 'subscripting functions of types', types: ['TYPE'], judge: sets('subscript') },
  { since: 14, feature: 'statistics on expressions', types: ['STATISTICS'], judge: statisticsOnExpressions },
  { since: 14, feature: 'names of JOIN … USING', types: queries, judge: joinAlias },
  { since: 14, feature: 'SUBSTRING … SIMILAR', types: expressions, judge: substringSimilar },
  { since: 14, feature: 'GROUP BY DISTINCT', types: queries, judge: uses('group by distinct') },
  { since: 14, feature: 'SEARCH', types: queries, judge: uses('search depth first', 'search breadth first') },
  { since: 14, feature: 'CYCLE', types: queries, judge: cycleClause },
  {
    since: 14,
    feature: 'subscription setting binary',
    types: ['SUBSCRIPTION'],
    judge: sets('binary'),
  },
  { since: 14, feature: 'subscription setting streaming', types: ['SUBSCRIPTION'], judge: streaming },
  // 13
  { since: 13, feature: 'LOCALE of databases', types: ['DATABASE'], judge: databaseLocale },
  {
    since: 13,
    feature: 'publish_via_partition_root',
    types: ['PUBLICATION'],
    judge: settingWithDefault('publish_via_partition_root', (value) => /false/i.test(value)),
  },
  {
    since: 13,
    feature: 'anycompatible types, xid8, pg_snapshot, regcollation',
    types: [...relations, ...routines, 'TYPE', 'DOMAIN'],
    judge: builtIns(
      'anycompatible',
      'anycompatiblearray',
      'anycompatiblenonarray',
      'anycompatiblerange',
      'xid8',
      'pg_snapshot',
      'regcollation',
    ),
  },
  {
    since: 13,
    feature: 'deduplicate_items and autovacuum_vacuum_insert_…',
    types: ['TABLE', 'INDEX', 'CONSTRAINT', 'MATERIALIZED VIEW'],
    judge: storageSettings(
      'deduplicate_items',
      'autovacuum_vacuum_insert_threshold',
      'autovacuum_vacuum_insert_scale_factor',
    ),
  },
  { since: 13, feature: 'parameters of operator classes', types: ['INDEX'], judge: classParameters },
  {
    since: 13,
    feature: 'statistics targets of extended statistics',
    types: ['STATISTICS'],
    judge: statisticsTarget,
  },
  // 12
  { since: 12, feature: 'generated columns', types: ['TABLE', 'FOREIGN TABLE'], judge: uses('generated always as (') },
  { since: 12, feature: 'nondeterministic collations', types: ['COLLATION'], judge: sets('deterministic') },
  { since: 12, feature: 'support functions', types: ['FUNCTION'], judge: uses('support') },
  { since: 12, feature: 'table access methods', types: ['ACCESS METHOD'], judge: uses('type table') },
  { since: 12, feature: 'jsonpath', types: [...relations, ...routines, 'TYPE', 'DOMAIN'], judge: builtIns('jsonpath') },
  { since: 12, feature: 'statistics of kind mcv', types: ['STATISTICS'], judge: uses('mcv') },
  // 11
  {
    since: 11,
    feature: 'EXECUTE FUNCTION of triggers',
    types: ['TRIGGER', 'EVENT TRIGGER'],
    judge: procedureIn('execute', 'function'),
  },
  {
    since: 11,
    feature: 'procedures',
    types: ['PROCEDURE', 'ACL', 'COMMENT'],
    judge: begins('create procedure', 'grant all on procedure', 'comment on procedure'),
  },
  { since: 11, feature: 'FUNCTION of operators', types: ['OPERATOR'], judge: procedureIn('function', '=') },
  { since: 11, feature: 'statistics targets of indexes', types: ['INDEX', 'CONSTRAINT'], judge: indexStatistics },
  { since: 11, feature: 'triggers of partitions by way of their table', types: ['TRIGGER'], judge: clonedTrigger },
  { since: 11, feature: 'TRUNCATE in publications', types: ['PUBLICATION'], judge: publishedTruncations },
  { since: 11, feature: 'hash partitioning', types: ['TABLE'], judge: uses('partition by hash') },
  {
    since: 11,
    feature: 'default partitions, hash partitions',
    types: ['TABLE ATTACH'],
    judge: newPartitionBound,
  },
  {
    since: 11,
    feature: 'indexes of partitioned tables',
    types: ['INDEX ATTACH', 'INDEX'],
    judge: uses('attach partition', 'on only'),
  },
  { since: 11, feature: 'INCLUDE columns', types: ['INDEX', 'CONSTRAINT'], judge: uses('include (') },
  {
    since: 11,
    feature: 'finalfunc_modify',
    types: ['AGGREGATE'],
    judge: sets('finalfunc_modify', 'mfinalfunc_modify'),
  },
  // 10
  {
    since: 10,
    feature: 'partitioned tables',
    types: ['TABLE', 'TABLE ATTACH'],
    judge: uses('partition by', 'attach partition'),
  },
  { since: 10, feature: 'identity columns', types: ['TABLE', 'SEQUENCE'], judge: uses('as identity') },
  { since: 10, feature: 'data types of sequences', types: ['SEQUENCE'], judge: sequenceType },
  {
    since: 10,
    feature: 'extended statistics',
    types: ['STATISTICS'],
    judge: begins('create statistics', 'alter statistics'),
  },
  {
    since: 10,
    feature: 'publications',
    types: ['PUBLICATION', 'PUBLICATION TABLE'],
    judge: begins('create publication', 'alter publication'),
  },
  {
    since: 10,
    feature: 'subscriptions',
    types: ['SUBSCRIPTION'],
    judge: begins('create subscription', 'alter subscription'),
  },
  { since: 10, feature: 'restrictive policies', types: ['POLICY'], judge: uses('as restrictive') },
  { since: 10, feature: 'providers of collations', types: ['COLLATION'], judge: sets('provider') },
  { since: 10, feature: 'default privileges for schemas', types: ['DEFAULT ACL'], judge: uses('on schemas') },
  { since: 10, feature: 'macaddr8', types: [...relations, ...routines, 'TYPE', 'DOMAIN'], judge: builtIns('macaddr8') },
]
