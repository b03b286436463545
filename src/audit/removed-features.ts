import type { TocEntry } from '../toc/types.ts'
import type { DefinitionStatement } from './types.ts'

/** Something that a release took away. */
export interface RemovedFeature {
  /** First release without it. */
  readonly since: number
  readonly what: string
  readonly fix: string
  /** A definition without any of these words has none of it. */
  readonly words: readonly string[]
  readonly found: (statement: DefinitionStatement, entry: TocEntry) => number
}

type Search = Pick<RemovedFeature, 'words' | 'found'>

/** Place of the first of these words that is not part of a longer name; −1 when there is none. */
const anyWord = (...words: readonly string[]): Search => ({
  words,
  found(statement) {
    for (let at = 1; at < statement.length; at++) {
      if (words.includes(statement.word(at)) && isType(statement, at)) return at
    }
    return -1
  },
})

/** A type stands after the name of a column or argument, after `::` or `AS`; a column of that name before its type. */
function isType(statement: DefinitionStatement, at: number): boolean {
  if (statement.mark(at - 1) === '.') return statement.word(at - 2) === 'pg_catalog'
  if (statement.mark(at - 1) === '::' || statement.word(at - 1) === 'returns') return true
  const follows = statement.isName(at - 1) && !statement.has(at - 1, 'table|column|add|alter|select|by|on|only')
  return follows && !statement.isName(at + 1)
}

/** `name(` */
const calls = (...words: readonly string[]): Search => ({
  words,
  found(statement) {
    for (let at = 1; at < statement.length; at++) {
      if (words.includes(statement.word(at)) && statement.mark(at + 1) === '(') {
        if (statement.mark(at - 1) !== '.' || statement.word(at - 2) === 'pg_catalog') return at
      }
    }
    return -1
  },
})

const settings = (...words: readonly string[]): Search => ({
  words,
  found(statement) {
    for (let at = 1; at < statement.bodyStart; at++) {
      if (statement.word(at) === 'set' && words.includes(statement.word(at + 1)) && statement.depth(at) === 0) return at
    }
    return -1
  },
})

const release = (major: number): string => `https://www.postgresql.org/docs/release/${major}.0/`

/** Page of the release that took something away. */
export const releaseNotes = release

/** What archives may hold that newer servers refuse. */
export const removedFeatures: readonly RemovedFeature[] = [
  {
    since: 12,
    what: 'the types abstime, reltime and tinterval',
    fix: 'Change the column to timestamptz, interval or tstzrange before the dump',
    ...anyWord('abstime', 'reltime', 'tinterval'),
  },
  {
    since: 12,
    what: 'tables WITH OIDS',
    fix: 'Give the table a column for its key: ALTER TABLE … SET WITHOUT OIDS before the dump',
    words: ['oids'],
    found: (statement) => {
      const at = statement.find('with')
      return at !== -1 && statement.command === 'CREATE TABLE' && statement.has(at, 'with', 'oids') ? at : -1
    },
  },
  {
    since: 14,
    what: 'operators after their operand',
    fix: 'Give the operator a right argument, and call the function where it was used',
    words: ['leftarg'],
    found: (statement) => {
      if (statement.command !== 'CREATE OPERATOR') return -1
      let hasLeft = -1
      for (let at = 2; at < statement.length; at++) {
        if (statement.word(at) === 'rightarg') return -1
        if (statement.word(at) === 'leftarg') hasLeft = at
      }
      return hasLeft
    },
  },
  {
    since: 14,
    what: 'array_append and its like for anyarray: they take anycompatiblearray',
    fix: 'Create the aggregate or operator over anycompatiblearray and anycompatible',
    words: ['anyarray', 'anyelement'],
    found: (statement) => {
      if (statement.command !== 'CREATE AGGREGATE' && statement.command !== 'CREATE OPERATOR') return -1
      let usesOld = -1
      let isPolymorphic = false
      for (let at = 2; at < statement.length; at++) {
        const word = statement.word(at)
        if (arrayFunctions.has(word)) usesOld = at
        if (word === 'anyarray' || word === 'anyelement') isPolymorphic = true
      }
      return isPolymorphic ? usesOld : -1
    },
  },
  {
    since: 14,
    what: 'the parameters operator_precedence_warning and vacuum_cleanup_index_scale_factor',
    fix: 'Reset the parameter before the dump',
    ...settings('operator_precedence_warning', 'vacuum_cleanup_index_scale_factor'),
  },
  {
    since: 15,
    what: 'the functions pg_start_backup and pg_stop_backup',
    fix: 'Call pg_backup_start and pg_backup_stop',
    ...calls('pg_start_backup', 'pg_stop_backup', 'pg_backup_start_time', 'pg_is_in_backup'),
  },
  {
    since: 16,
    what: 'the parameters force_parallel_mode, vacuum_defer_cleanup_age and promote_trigger_file',
    fix: 'Reset the parameter before the dump (force_parallel_mode is called debug_parallel_query)',
    ...settings('force_parallel_mode', 'vacuum_defer_cleanup_age', 'promote_trigger_file'),
  },
  {
    since: 17,
    what: 'the parameters old_snapshot_threshold and db_user_namespace',
    fix: 'Reset the parameter before the dump',
    ...settings('old_snapshot_threshold', 'db_user_namespace', 'trace_recovery_messages'),
  },
]

const arrayFunctions: ReadonlySet<string> = new Set([
  'array_append',
  'array_prepend',
  'array_cat',
  'array_position',
  'array_positions',
  'array_remove',
  'array_replace',
  'width_bucket',
])
