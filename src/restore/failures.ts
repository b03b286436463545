import type { TocEntry } from '../toc/types.ts'
import type { Problem } from './check-report.ts'
import { problems } from './check-problems.ts'
import { labelOf } from './entry-label.ts'
import { setsRole } from './session.ts'
import type { ServerError } from './target.ts'

/** When a statement failed: before the first entry, or for one; the last COMMIT counts to the last entry. */
export type RestoreStage = 'initializing' | 'processing'

/** A statement, or the rows of a table, that the server refused. */
export interface RestoreFailure {
  readonly stage: RestoreStage
  /** The entry it belongs to; undefined for what stands around entries. */
  readonly entry: TocEntry | undefined
  /** What was being done, in pg_restore's words: `could not execute query`, `COPY failed for table "t"`, … */
  readonly complaint: string
  /** The statement; undefined for rows of a COPY. Of those kept in the result, the first 1,000 characters. */
  readonly statement: string | undefined
  /** All that the server said. */
  readonly error: ServerError
  /** pg_restore gives up on it, whatever it was told about errors. */
  readonly fatal: boolean
  /** Which of several workers it happened to, from 1; undefined where one session worked alone. */
  readonly worker?: number | undefined
}

/** Failures of one kind. */
export interface FailureGroup {
  /** What is the matter, in a few words: `roles that do not exist`, or what the server said. */
  readonly cause: string
  /** What the server said, each once, at most 100: `role "alice" does not exist`, … Empty where that is the cause. */
  readonly messages: readonly string[]
  readonly sqlState: string
  /** Statements that failed so. */
  readonly count: number
  /** The first entries concerned, at most ten. */
  readonly entries: readonly string[]
  /** What would have helped. */
  readonly hint: string | undefined
}

/** Entries named with a group. */
const NAMED_ENTRIES = 10

/** Messages kept with a group. */
const KEPT_MESSAGES = 100

/** Causes told apart; what comes after is counted with others of its SQLSTATE. */
const MAX_GROUPS = 1000

interface Group extends Kind {
  readonly sqlState: string
  count: number
  readonly messages: Set<string>
  readonly entries: Set<string>
}

/** Gathers failures by their cause, as they come. */
export class FailureGroups {
  readonly #groups = new Map<string, Group>()

  add({ entry, statement, error }: RestoreFailure): void {
    const { sqlState, message } = error
    const full = this.#groups.size >= MAX_GROUPS && !this.#groups.has(`${sqlState} ${message}`)
    const known = kindOf(error, statement)
    const kind = known ?? { cause: full ? `other errors of SQLSTATE ${sqlState}` : message, hint: error.hint }
    const key = `${sqlState} ${kind.cause}`
    let group = this.#groups.get(key)
    if (group === undefined) {
      group = { ...kind, sqlState, count: 0, messages: new Set(), entries: new Set() }
      this.#groups.set(key, group)
    }
    group.count++
    if (kind.cause !== message && group.messages.size < KEPT_MESSAGES) group.messages.add(message)
    if (entry !== undefined && group.entries.size < NAMED_ENTRIES) group.entries.add(labelOf(entry))
  }

  /** The largest first. */
  list(): readonly FailureGroup[] {
    return [...this.#groups.values()]
      .sort((a, b) => b.count - a.count)
      .map(({ cause, messages, sqlState, count, entries, hint }) => ({
        cause,
        messages: [...messages],
        sqlState,
        count,
        entries: [...entries],
        hint,
      }))
  }
}

/** What is the matter with a failure, in the words of its group: two with the same answer belong together. */
export function failureCause({ statement, error }: RestoreFailure): string {
  return kindOf(error, statement)?.cause ?? error.message
}

interface Kind {
  readonly cause: string
  readonly hint: string | undefined
}

/** Where statements name roles, several of them between commas. */
const rolesNamed =
  /\b(?:OWNER TO|TO|FROM|ROLE|USER|FOR|AUTHORIZATION)\s+((?:"(?:[^"]|"")+"|'(?:[^']|'')+'|[\w$\u0080-\uffff]+)(?:\s*,\s*(?:"(?:[^"]|"")+"|[\w$\u0080-\uffff]+))*)/g

/** Whether the object that a server does not find is a role of the statement: its name is said in any language. */
function lacksRole(statement: string, message: string): boolean {
  for (const [, names = ''] of statement.matchAll(rolesNamed)) {
    for (const [quoted] of names.matchAll(/"(?:[^"]|"")+"|'(?:[^']|'')+'|[\w$\u0080-\uffff]+/g)) {
      const name = quoted.replace(/^(["'])(.*)\1$/s, '$2').replaceAll('""', '"')
      const exactly = name.replaceAll(/[^\w\s\u0080-\uffff]/g, String.raw`\$&`)
      if (new RegExp(String.raw`(?<![\w$])${exactly}(?![\w$])`).test(message)) return true
    }
  }
  return false
}

/** What a check would have told. */
const foreseen = ({ what, hint }: Problem): Kind => ({ cause: what, hint })

const notEmpty = foreseen(problems.objectsThere)
const extensions = foreseen(problems.extensions)
const tablespaces = foreseen(problems.tablespaces)
const roles = foreseen(problems.roles)
const notThere: Kind = {
  cause: 'objects that are not there',
  hint: 'Look first at what else failed: it may be what creates them. A part of an archive is whole with --with-dependencies',
}

const inherited: Kind = {
  cause: 'constraints of partitions that are dropped with those of their parents',
  hint: 'They are in the way of nothing where the parents are dropped, too, as --clean does',
}

/** Kinds that SQLSTATE alone tells. */
const kinds: Readonly<Record<string, Kind>> = {
  '42P07': notEmpty, // duplicate_table
  '42710': notEmpty, // duplicate_object
  '42P06': notEmpty, // duplicate_schema
  '42723': notEmpty, // duplicate_function
  '42701': notEmpty, // duplicate_column
  // duplicate_database
  '42P04': {
    cause: 'the database exists',
    hint: 'Restore into it without --create, or with --create --clean --if-exists',
  },
  // unique_violation
  '23505': {
    cause: 'rows that are there already',
    hint: 'Restore into an empty database, or with --clean --if-exists',
  },
  // foreign_key_violation
  '23503': {
    cause: 'rows that refer to others which are not there',
    hint: 'Restore those, too, or with --data-only --disable-triggers',
  },
  // insufficient_privilege
  '42501': {
    cause: 'privileges that the role does not have',
    hint: 'Restore as a superuser or as the owner of the database, or with --no-owner and --no-privileges',
  },
  '3F000': notThere, // invalid_schema_name
  '42P01': notThere, // undefined_table
  '42883': notThere, // undefined_function
  '25006': foreseen(problems.readOnly), // read_only_sql_transaction
  // dependent_objects_still_exist
  '2BP01': {
    cause: 'objects to drop that others depend on, which the archive does not have',
    hint: 'Drop those others first (DROP … CASCADE drops both), or restore into an empty database',
  },
  // character_not_in_repertoire
  '22021': {
    cause: 'bytes that are no characters of the encoding',
    hint: 'Look where with pgdmp verify, and mend them, or restore into a database in SQL_ASCII',
  },
  // untranslatable_character
  '22P05': {
    cause: 'characters that the encoding of the database does not have',
    hint: 'Restore into a database in UTF8, or in the encoding of the archive',
  },
  // disk_full
  '53100': { cause: 'the server has no space left', hint: 'Make room, and restore again' },
}

/** Of what belongs to superusers only; the server's hint says so. */
const givesToOther = /^\s*ALTER (?:EVENT TRIGGER|FOREIGN DATA WRAPPER|SUBSCRIPTION)\b.* OWNER TO /s

/** What would have helped, by SQLSTATE and statement first: messages may be in any language. */
function kindOf({ sqlState, message, hint }: ServerError, statement = ''): Kind | undefined {
  // best effort, in English: whether it is the privilege that lacks, or this
  if (sqlState === '42501' && message.includes('row-level security')) return foreseen(problems.rowSecurity)
  // the role may do it, only not for that owner
  if (sqlState === '42501' && hint !== undefined && givesToOther.test(statement))
    return foreseen(problems.superuserOwner)
  const byState = kinds[sqlState]
  if (byState !== undefined) return byState
  switch (sqlState) {
    // undefined_object
    case '42704':
      if (lacksRole(statement, message)) return roles
      if (/TABLESPACE|default_tablespace/.test(statement)) return tablespaces
      if (/^\s*SET \w+ = /.test(statement)) {
        return { cause: 'settings that the server does not know', hint: 'Restore with --target-version' }
      }
      return notThere
    // invalid_parameter_value
    case '22023':
      if (setsRole.test(statement)) return foreseen(problems.setRole)
      if (message.includes('default_table_access_method')) return foreseen(problems.accessMethods)
      return message.includes('default_tablespace') ? tablespaces : undefined
    // feature_not_supported, undefined_file
    case '0A000':
    case '58P01':
      return /EXTENSION/.test(statement) ? extensions : undefined
    // invalid_table_definition: a second primary key, or --clean of what comes from the parent of a partition
    case '42P16':
      return /^\s*ALTER TABLE\b[^;]* DROP CONSTRAINT /.test(statement) ? inherited : notEmpty
    // syntax_error
    case '42601':
      return { cause: 'SQL that the server does not understand', hint: 'Of a newer release? --target-version helps' }
    default:
      return undefined
  }
}
