import type { TocEntry } from '../toc/types.ts'
import { listElements, qualifiedName, type Reading } from './reading.ts'
import { readNames, readRoles } from './read-relation.ts'
import type { CatalogGrant, DefinitionStatement } from './types.ts'

/** Types of objects that GRANT names in several words. */
const longTypes: readonly (readonly string[])[] = [
  ['foreign', 'data', 'wrapper'],
  ['foreign', 'server'],
  ['large', 'object'],
  ['large', 'objects'],
]

const types: ReadonlySet<string> = new Set([
  'table',
  'sequence',
  'database',
  'domain',
  'function',
  'procedure',
  'routine',
  'language',
  'parameter',
  'schema',
  'tablespace',
  'type',
  'tables',
  'sequences',
  'functions',
  'routines',
  'types',
  'schemas',
])

/** GRANT or REVOKE of privileges, of roles, or of ALTER DEFAULT PRIVILEGES, from the word itself on. */
export function readGrant(
  reading: Reading,
  statement: DefinitionStatement,
  from: number,
  entry: TocEntry,
  { grantor, defaults = undefined }: Partial<Pick<CatalogGrant, 'grantor' | 'defaults'>>,
): CatalogGrant | undefined {
  const grant = statement.word(from) === 'grant'
  const on = statement.find('on', from)
  const direction = statement.find(grant ? 'to' : 'from', Math.max(on, from))
  if (direction === -1) return undefined
  const first = !grant && statement.has(from + 2, 'option', 'for') ? from + 4 : from + 1
  const object =
    on === -1
      ? { objectType: 'ROLE', object: '', schema: undefined, name: undefined }
      : objectOf(reading, statement, on + 1, direction, entry)
  const privileges = privilegesOf(reading, statement, first, on === -1 ? direction : on)
  const grantees: string[] = []
  const after = readRoles(reading, statement, direction + 1, grantees)
  const grantOption = statement.has(after, 'with', 'grant|admin', 'option')
  const granted = statement.find('granted', after)
  const by = granted === -1 ? undefined : statement.name(granted + 2)
  return {
    entry,
    grant,
    privileges,
    ...object,
    grantees,
    grantOption,
    grantor: by === undefined ? grantor : reading.decode(by),
    defaults,
  }
}

function objectOf(
  reading: Reading,
  statement: DefinitionStatement,
  from: number,
  to: number,
  entry: TocEntry,
): Pick<CatalogGrant, 'objectType' | 'object' | 'schema' | 'name'> {
  const long = longTypes.find((words) => statement.has(from, ...words))
  const words = long?.length ?? (types.has(statement.word(from)) && from + 1 < to ? 1 : 0)
  const isWhole = types.has(statement.word(from)) && from + 1 === to
  const count = isWhole ? 1 : words
  const objectType = count === 0 ? 'TABLE' : statement.source(from, from + count).toUpperCase()
  const at = from + count
  const found = at < to ? qualifiedName(reading, statement, at, entry) : undefined
  return {
    objectType,
    object: at < to ? reading.decode(statement.source(at, to)) : '',
    schema: hasSchema.has(objectType) ? found?.schema : undefined,
    name: found?.name,
  }
}

const hasSchema: ReadonlySet<string> = new Set([
  'TABLE',
  'SEQUENCE',
  'DOMAIN',
  'FUNCTION',
  'PROCEDURE',
  'ROUTINE',
  'TYPE',
])

/** `SELECT`, `ALL`, `UPDATE(a,b)`: in capitals, with the columns as written; role names where nothing is granted on. */
function privilegesOf(reading: Reading, statement: DefinitionStatement, from: number, to: number): readonly string[] {
  const found: string[] = []
  let at = from
  while (at < to) {
    let name = statement.word(at).toUpperCase()
    if (name === '') name = reading.decode(statement.name(at) ?? '')
    let next = at + 1
    if (statement.has(at, 'all', 'privileges')) next++
    if (statement.has(at, 'alter', 'system')) {
      name = 'ALTER SYSTEM'
      next++
    }
    if (statement.mark(next) === '(') {
      const list = listElements(statement, next)
      name += `(${list.elements.map(([a, b]) => reading.decode(statement.source(a, b))).join(',')})`
      next = list.next
    }
    if (name !== '') found.push(name)
    at = statement.mark(next) === ',' ? next + 1 : Math.max(next, at + 1)
    if (statement.mark(next) !== ',') break
  }
  return found
}

/** ALTER DEFAULT PRIVILEGES. */
export function readDefaultPrivileges(
  reading: Reading,
  statement: DefinitionStatement,
  entry: TocEntry,
): readonly CatalogGrant[] {
  const roles: string[] = []
  const schemas: string[] = []
  let at = 3
  for (;;) {
    if (statement.has(at, 'for', 'role|user')) at = readNames(reading, statement, at + 2, roles)
    else if (statement.has(at, 'in', 'schema')) at = readNames(reading, statement, at + 2, schemas)
    else break
  }
  if (!statement.has(at, 'grant|revoke')) return []
  const found = readGrant(reading, statement, at, entry, {})
  if (found === undefined) return []
  const grants: CatalogGrant[] = []
  for (const [role, schema] of pairsOf(roles, schemas, MOST_PAIRS * statement.length)) {
    grants.push({ ...found, defaults: { role, schema } })
  }
  return grants
}

/** pg_dump names one role and at most one schema; of what others write it shall not be more than there is to read. */
const MOST_PAIRS = 16

type Pair = readonly [role: string | undefined, schema: string | undefined]

/** Each role with each schema; where that is more than `most`, each of both at least once. */
function pairsOf(roles: readonly string[], schemas: readonly string[], most: number): readonly Pair[] {
  const pairs: Pair[] = []
  const [roleCount, schemaCount] = [Math.max(roles.length, 1), Math.max(schemas.length, 1)]
  if (roleCount * schemaCount > most) {
    const count = Math.max(roleCount, schemaCount)
    for (let at = 0; at < count; at++) pairs.push([roles[at % roleCount], schemas[at % schemaCount]])
    return pairs
  }
  for (let at = 0; at < roleCount; at++) {
    for (let place = 0; place < schemaCount; place++) pairs.push([roles[at], schemas[place]])
  }
  return pairs
}
