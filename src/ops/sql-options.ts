import { randomBytes } from '../codec/random.ts'
import { utf8ToByteString } from '../bytes/byte-string.ts'
import { ArchiveError } from '../errors.ts'
import type { CompatRules } from '../sql/compat.ts'
import type { ScriptOptions } from '../sql/session.ts'
import type { SqlOptions } from './options.ts'
import type { Selection } from './selection.ts'

/**
 * Checks `toSql`'s options against each other and against what was selected, as pg_restore's main() does, and fills in
 * defaults.
 *
 * @throws ArchiveError USAGE with the words of pg_restore as `details.pgRestore`
 */
export function resolveScriptOptions(
  options: SqlOptions,
  selection: Selection,
  rules: CompatRules,
  hasSchema: boolean,
): ScriptOptions {
  const clean = options.clean === true
  const singleTransaction = options.singleTransaction === true
  const restrictKey = resolveRestrictKey(options.restrictKey, rules)
  if (clean && selection.dataOnly === true) {
    throw conflict('clean', 'dataOnly', '-c/--clean', '-a/--data-only')
  }
  if (singleTransaction && options.transactionSize !== undefined) {
    throw conflict('singleTransaction', 'transactionSize', '-1/--single-transaction', '--transaction-size')
  }
  if (selection.create === true && singleTransaction) {
    throw conflict('create', 'singleTransaction', '-C/--create', '-1/--single-transaction')
  }
  if (options.ifExists === true && !clean) {
    throw usage('ifExists needs clean', 'option --if-exists requires option -c/--clean')
  }
  return {
    clean,
    create: selection.create === true,
    ifExists: options.ifExists === true,
    noOwner: options.noOwner === true,
    superuser: utf8ToByteString(options.superuser ?? ''),
    role: options.role === undefined ? null : utf8ToByteString(options.role),
    useSetSessionAuthorization: options.useSetSessionAuthorization === true,
    disableTriggers: options.disableTriggers === true && !hasSchema,
    noTablespaces: options.noTablespaces === true,
    noTableAccessMethod: options.noTableAccessMethod === true,
    singleTransaction,
    transactionSize: resolveTransactionSize(options.transactionSize),
    enableRowSecurity: options.enableRowSecurity === true,
    restrictKey,
    verbose: options.verbose === true,
    asPgRestore: options.asPgRestore === true,
  }
}

/** Whether a selection wants definitions at all (dumpSchema, pg_restore.c), before looking at any entry. */
export function wantsSchema({ schemaOnly, dataOnly, statisticsOnly, noSchema }: Selection): boolean {
  return (schemaOnly === true || (dataOnly !== true && statisticsOnly !== true)) && noSchema !== true
}

const keyCharacters = '0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ'

/** Characters of a key that nobody chose. */
const KEY_LENGTH = 63

function resolveRestrictKey(key: string | false | undefined, rules: CompatRules): string | null {
  if (!rules.restrictKey || key === false) return null
  if (key === undefined) return randomKey()
  if (!/^[0-9A-Za-z]+$/.test(key)) {
    throw usage(
      `restrictKey is ${JSON.stringify(key)}, must be letters a-z, A-Z and digits only`,
      'invalid restrict key',
    )
  }
  return key
}

/** A key that nobody who made the archive could know (generate_restrict_key, dumputils.c). */
function randomKey(): string {
  const bytes = randomBytes(KEY_LENGTH)
  return Array.from(bytes, (byte) => keyCharacters.charAt(byte % keyCharacters.length)).join('')
}

const MAX_INT = 2 ** 31 - 1

function resolveTransactionSize(size: number | undefined): number {
  if (size === undefined) return 0
  if (Number.isInteger(size) && size >= 1 && size <= MAX_INT) return size
  throw usage(
    `transactionSize is ${size}, must be a whole number from 1 to ${MAX_INT}`,
    `--transaction-size must be in range 1..${MAX_INT}`,
  )
}

function conflict(first: string, second: string, firstFlag: string, secondFlag: string): ArchiveError {
  return usage(
    `${first} and ${second} exclude each other`,
    `options ${firstFlag} and ${secondFlag} cannot be used together`,
  )
}

function usage(what: string, pgRestore: string): ArchiveError {
  return new ArchiveError('USAGE', `Cannot write SQL: ${what}`, { details: { pgRestore } })
}
