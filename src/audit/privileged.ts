import type { TocEntry } from '../toc/types.ts'
import type { DefinitionStatement } from './types.ts'
import { areBuiltIn, castTypes } from './built-in-types.ts'
import type { PrivilegedAct } from './target.ts'

/** Extensions of PostgreSQL's own that whoever may create in a database can create (`trusted = true`, from 13 on). */
const trustedExtensions: ReadonlySet<string> = new Set([
  'bool_plperl',
  'btree_gin',
  'btree_gist',
  'citext',
  'cube',
  'dict_int',
  'fuzzystrmatch',
  'hstore',
  'hstore_plperl',
  'intarray',
  'isn',
  'jsonb_plperl',
  'lo',
  'ltree',
  'pg_trgm',
  'pgcrypto',
  'plperl',
  'plpgsql',
  'pltcl',
  'seg',
  'tablefunc',
  'tcn',
  'tsm_system_rows',
  'tsm_system_time',
  'unaccent',
  'uuid-ossp',
])

/** Extensions of PostgreSQL's own that only a superuser can create; of others nobody can say from here. */
const untrustedExtensions: ReadonlySet<string> = new Set([
  'adminpack',
  'amcheck',
  'autoinc',
  'bloom',
  'dblink',
  'dict_xsyn',
  'earthdistance',
  'file_fdw',
  'insert_username',
  'intagg',
  'moddatetime',
  'old_snapshot',
  'pageinspect',
  'pg_buffercache',
  'pg_freespacemap',
  'pg_logicalinspect',
  'pg_prewarm',
  'pg_stat_statements',
  'pg_surgery',
  'pg_visibility',
  'pg_walinspect',
  'pgrowlocks',
  'pgstattuple',
  'plperlu',
  'plpython3u',
  'pltclu',
  'postgres_fdw',
  'refint',
  'sslinfo',
  'xml2',
])

/**
 * Parameters that only a superuser sets (contexts `superuser` and `superuser-backend` of pg_settings, 13 to 18; asked of
 * the servers).
 */
export const superuserSettings: ReadonlySet<string> = new Set([
  'allow_in_place_tablespaces',
  'allow_system_table_mods',
  'backtrace_functions',
  'commit_delay',
  'composite_type_mismatch',
  'compute_query_id',
  'deadlock_timeout',
  'debug_discard_caches',
  'dynamic_library_path',
  'event_triggers',
  'extension_control_path',
  'extension_destdir',
  'ignore_checksum_failure',
  'jit_debugging_support',
  'jit_dump_bitcode',
  'jit_profiling_support',
  'lc_messages',
  'lo_compat_privileges',
  'log_connections',
  'log_disconnections',
  'log_duration',
  'log_error_verbosity',
  'log_executor_stats',
  'log_lock_failures',
  'log_lock_waits',
  'log_min_duration_sample',
  'log_min_duration_statement',
  'log_min_error_statement',
  'log_min_messages',
  'log_parameter_max_length',
  'log_parser_stats',
  'log_planner_stats',
  'log_replication_commands',
  'log_statement',
  'log_statement_sample_rate',
  'log_statement_stats',
  'log_temp_files',
  'log_transaction_sample_rate',
  'max_stack_depth',
  'output_plugin_libraries',
  'session_preload_libraries',
  'session_replication_role',
  'temp_file_limit',
  'track_activities',
  'track_cost_delay_timing',
  'track_counts',
  'track_functions',
  'track_io_timing',
  'track_wal_io_timing',
  'update_process_title',
  'wal_compression',
  'wal_consistency_checking',
  'wal_init_zero',
  'wal_recycle',
  'zero_damaged_pages',
])

/** Restored with `--create` only, by a role that may make databases: another matter than the rest of the archive. */
const ofDatabase: ReadonlySet<string> = new Set(['DATABASE', 'DATABASE PROPERTIES'])

/** Something that takes a superuser. */
export interface Privileged {
  readonly act: PrivilegedAct
  /** What exactly: the name of an extension, language or parameter. */
  readonly detail?: string | undefined
}

/** What of an entry's definition takes a superuser, whatever release: the releases 13 to 18 agree but for who may subscribe. */
export function privilegedActsOf(
  { desc }: Pick<TocEntry, 'desc'>,
  statements: readonly DefinitionStatement[],
): readonly Privileged[] {
  return ofDatabase.has(desc) ? [] : statements.flatMap((statement) => actsOf(statement))
}

/** Commands of which nothing more need be known. */
const always: ReadonlyMap<string, PrivilegedAct> = new Map([
  ['CREATE ACCESS METHOD', 'access-method'],
  ['CREATE EVENT TRIGGER', 'event-trigger'],
  ['CREATE FOREIGN DATA WRAPPER', 'foreign-data-wrapper'],
  ['CREATE OPERATOR CLASS', 'operator-class'],
  ['CREATE OPERATOR FAMILY', 'operator-class'],
  ['ALTER OPERATOR FAMILY', 'operator-class'],
  ['CREATE TEXT SEARCH PARSER', 'text-search-parser'],
  ['CREATE TEXT SEARCH TEMPLATE', 'text-search-parser'],
  ['CREATE SUBSCRIPTION', 'subscription'],
  ['CREATE LANGUAGE', 'untrusted-language'],
])

function actsOf(statement: DefinitionStatement): readonly Privileged[] {
  const act = always.get(statement.command)
  if (act !== undefined) {
    // what is done to an object changes owners too, which takes none
    return statement.word(0) === 'alter' && statement.find('add') === -1 ? [] : [{ act }]
  }
  switch (statement.command) {
    case 'CREATE TYPE':
      return statement.find('as') === -1 ? [{ act: 'base-type' }] : []
    case 'CREATE CAST':
      if (statement.find('without') !== -1) return [{ act: 'cast-without-function' }]
      return areBuiltIn(castTypes(statement)) ? [{ act: 'cast-of-built-in-types' }] : []
    case 'CREATE TRANSFORM':
      return isOfBuiltIn(statement) ? [{ act: 'transform-of-built-in-objects' }] : []
    case 'CREATE FUNCTION':
    case 'CREATE PROCEDURE':
      return ofRoutine(statement)
    case 'CREATE AGGREGATE':
      return stateOf(statement) === 'internal' ? [{ act: 'internal-aggregate' }] : []
    case 'CREATE EXTENSION':
      return ofExtension(statement)
    case 'CREATE PUBLICATION':
    case 'ALTER PUBLICATION':
      return publishesAll(statement) ? [{ act: 'publication-of-everything' }] : []
    case 'COMMENT ON':
      return statement.has(2, 'extension', 'plpgsql') ? [{ act: 'extension-comment' }] : []
    case 'SET':
      return statement.has(1, 'session', 'authorization') && statement.word(3) !== 'default'
        ? [{ act: 'session-authorization' }]
        : []
    default:
      return []
  }
}

/** Whether a transform is of a type of the server's own, or made of its functions. */
export function isOfBuiltIn(statement: DefinitionStatement): boolean {
  if (statement.mark(4) !== '.') return true
  for (let at = 2; at < statement.length; at++) {
    if (statement.has(at, 'with', 'function', 'pg_catalog') && statement.mark(at + 3) === '.') return true
  }
  return false
}

function ofRoutine(statement: DefinitionStatement): readonly Privileged[] {
  const found: Privileged[] = []
  for (let at = 2; at < statement.bodyStart; at++) {
    if (statement.depth(at) > 0) continue
    const next = statement.name(at + 1) ?? ''
    if (statement.word(at) === 'language' && isUntrusted(next)) found.push({ act: 'untrusted-language', detail: next })
    else if (statement.word(at) === 'leakproof' && statement.word(at - 1) !== 'not') found.push({ act: 'leakproof' })
    else if (statement.word(at) === 'support' && statement.isName(at + 1)) found.push({ act: 'support-function' })
    else if (statement.word(at) === 'set' && superuserSettings.has(next)) {
      found.push({ act: 'superuser-setting', detail: next })
    }
  }
  return found
}

/** By PostgreSQL's habit the names of untrusted languages end with a u. */
function isUntrusted(language: string): boolean {
  return language === 'c' || language === 'internal' || /^pl.*u$/.test(language)
}

function stateOf(statement: DefinitionStatement): string | undefined {
  for (let at = 2; at < statement.length; at++) {
    if (statement.word(at) === 'stype' && statement.mark(at + 1) === '=') return statement.word(at + 2)
  }
  return undefined
}

function ofExtension(statement: DefinitionStatement): readonly Privileged[] {
  const name = statement.name(statement.has(2, 'if', 'not', 'exists') ? 5 : 2)
  return name !== undefined && untrustedExtensions.has(name) ? [{ act: 'untrusted-extension', detail: name }] : []
}

/** Whether it is known that nobody but a superuser, or that everybody who may create, can create an extension. */
export function trustOfExtension(name: string): 'trusted' | 'untrusted' | undefined {
  if (trustedExtensions.has(name)) return 'trusted'
  return untrustedExtensions.has(name) ? 'untrusted' : undefined
}

function publishesAll(statement: DefinitionStatement): boolean {
  for (let at = 3; at < statement.length; at++) {
    if (statement.has(at, 'for', 'all', 'tables') || statement.has(at, 'tables', 'in', 'schema')) return true
  }
  return false
}
