import { eachSetting } from './find-settings.ts'
import { eachCast, leaveColumns } from './find-casts.ts'
import type { Renamer } from './rename.ts'
import type { StatementText } from './statement-text.ts'

/** Configuration parameters whose value is a role. */
const roleSettings: ReadonlySet<string> = new Set(['role', 'session_authorization'])

/** Types whose values are roles. */
export const roleTypes: ReadonlySet<string> = new Set(['regrole'])

/** Finds the roles of a statement: every place where pg_dump or the server's own deparsing writes one (spec/rewrite.md). */
export function findRoles(found: Renamer): void {
  const { statement } = found
  eachSetting(found, (parameter, at) => {
    if (roleSettings.has(parameter)) role(found, at)
  })
  eachCast(found, (type, at) => {
    if (roleTypes.has(type)) found.path(at, () => true)
  })
  leaveColumns(found, roleTypes)
  switch (statement.word(0)) {
    case 'grant':
    case 'revoke':
      privileges(found, 0)
      break
    case 'alter':
      alter(found)
      break
    case 'create':
      create(found)
      break
    case 'drop':
      if (statement.has(1, 'user', 'mapping')) afterWord(found, 'for')
      else if (statement.has(1, 'role|user|group')) roles(found, statement.has(2, 'if', 'exists') ? 4 : 2)
      break
    case 'set':
      set(found)
      break
    case 'comment':
    case 'security':
      onRole(found)
      break
  }
}

const keywords: ReadonlySet<string> = new Set([
  'public',
  'current_user',
  'session_user',
  'current_role',
  // of user mappings alone; elsewhere the parser refuses it
  'user',
  'default',
])

/**
 * `public` means everybody and `none` nobody even in quotes (rolespec of gram.y; check_role of variable.c takes `none` as
 * a string, too); the others only without.
 */
function role(found: Renamer, at: number): void {
  const { statement } = found
  const name = statement.name(at) ?? found.literalAt(at)?.value
  if (keywords.has(statement.word(at)) || name === 'public' || name === 'none') found.settle(at)
  else found.nameOrLiteral(at)
}

/** A list of roles, each with the old key word GROUP in front or not; gives the place after it. */
function roles(found: Renamer, from: number): number {
  const { statement } = found
  let at = from
  for (;;) {
    if (statement.word(at) === 'group' && statement.isName(at + 1)) at++
    role(found, at)
    if (statement.mark(at + 1) !== ',') return at + 1
    at += 2
  }
}

/** GRANT and REVOKE, of privileges or of membership, from the word itself on. */
function privileges(found: Renamer, from: number): void {
  const { statement } = found
  const on = statement.find('on', from)
  const direction = statement.find(statement.word(from) === 'grant' ? 'to' : 'from', Math.max(on, from))
  if (direction === -1) return
  if (on === -1) roles(found, afterOption(statement, from + 1))
  const after = roles(found, direction + 1)
  const granted = statement.find('granted', after)
  if (granted !== -1 && statement.word(granted + 1) === 'by') role(found, granted + 2)
}

/** After `GRANT OPTION FOR`, `ADMIN OPTION FOR`, … of a REVOKE. */
function afterOption(statement: StatementText, at: number): number {
  return statement.has(at + 1, 'option', 'for') ? at + 3 : at
}

function alter(found: Renamer): void {
  const { statement } = found
  if (statement.has(1, 'default', 'privileges')) return defaultPrivileges(found)
  if (statement.has(1, 'user', 'mapping')) return afterWord(found, 'for')
  if (statement.has(1, 'policy')) return policy(found)
  // ALL is a key word here
  if (statement.has(1, 'role|user|group') && statement.word(2) !== 'all') role(found, 2)
  for (let at = 2; at < statement.length; at++) {
    if (!statement.has(at, 'owner', 'to') || statement.depth(at) > 0) continue
    if (!statement.has(at - 1, 'rename|column')) role(found, at + 2)
  }
}

function defaultPrivileges(found: Renamer): void {
  const { statement } = found
  let at = 3
  for (;;) {
    if (statement.has(at, 'for', 'role|user')) at = roles(found, at + 2)
    // a schema may be called "revoke", which asks for no quotes
    else if (statement.has(at, 'in', 'schema')) at = afterNames(statement, at + 2)
    else break
  }
  for (; at < statement.length; at++) if (statement.has(at, 'grant|revoke')) return privileges(found, at)
}

/** The place after a list of names. */
function afterNames(statement: StatementText, from: number): number {
  let at = from
  while (statement.mark(at + 1) === ',') at += 2
  return at + 1
}

function create(found: Renamer): void {
  const { statement } = found
  if (statement.has(1, 'user', 'mapping')) afterWord(found, 'for')
  else if (statement.has(1, 'policy')) policy(found)
  else if (statement.has(1, 'schema')) afterWord(found, 'authorization')
  else if (statement.has(1, 'database')) databaseOwner(found)
  else if (statement.has(1, 'role|user|group')) role(found, 2)
}

function databaseOwner(found: Renamer): void {
  const { statement } = found
  const owner = statement.find('owner', 3)
  if (owner !== -1) role(found, statement.mark(owner + 1) === '=' ? owner + 2 : owner + 1)
}

function policy(found: Renamer): void {
  const { statement } = found
  const to = statement.find('to', 3)
  if (to !== -1 && statement.word(to - 1) !== 'rename') roles(found, to + 1)
}

function afterWord(found: Renamer, word: string): void {
  const at = found.statement.find(word)
  if (at !== -1) role(found, at + 1)
}

/** SET SESSION AUTHORIZATION and SET ROLE. */
function set(found: Renamer): void {
  const { statement } = found
  let at = 1
  if (statement.has(at, 'local') || (statement.has(at, 'session') && !statement.has(at + 1, 'authorization'))) at++
  if (statement.has(at, 'session', 'authorization')) role(found, at + 2)
  else if (statement.has(at, 'role') && statement.word(at + 1) !== 'to') role(found, at + 1)
}

/** COMMENT and SECURITY LABEL. */
function onRole(found: Renamer): void {
  const { statement } = found
  const on = statement.find('on')
  if (on !== -1 && statement.has(on + 1, 'role|user|group')) role(found, on + 2)
}
