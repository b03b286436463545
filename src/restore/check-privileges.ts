import { qualifiedName, type Reading } from '../audit/reading.ts'
import type { SqlStatement } from '../audit/statement.ts'
import { privilegedActsOf } from '../audit/privileged.ts'
import type { TocEntry } from '../toc/types.ts'
import type { Problem } from './check-report.ts'
import { problems } from './check-problems.ts'
import { labelOf } from './entry-label.ts'
import { namedIn } from './named-in-statement.ts'
import type { ServerFacts } from './server-facts.ts'

/** Tells what is found in a statement. */
export type Tell = (problem: Problem, name: string) => void

/** Types of CREATE that need CREATE on a schema. */
const needsSchema =
  /^CREATE (?:AGGREGATE|COLLATION|CONVERSION|DOMAIN|FOREIGN TABLE|FUNCTION|INDEX|MATERIALIZED VIEW|OPERATOR.*|PROCEDURE|SEQUENCE|STATISTICS|TABLE|TEXT SEARCH .*|TYPE|VIEW)$/

/** Types of CREATE that need CREATE on the database. */
const needsDatabase = /^CREATE (?:SCHEMA|PUBLICATION)$/

/** Acts that other facts of the server decide better. */
const decidedElsewhere: ReadonlySet<string> = new Set(['untrusted-extension', 'extension-comment'])

/** First release that lets others than superusers create subscriptions. */
const SUBSCRIBERS = 16

/** What a role that is no superuser may not do: judged statement by statement, in the order of the restore. */
export class PrivilegeCheck {
  readonly #reading: Reading
  /** Schemas that the restore made, and who owns them by now. */
  readonly #made = new Map<string, string>()
  facts: ServerFacts

  constructor(reading: Reading, facts: ServerFacts) {
    this.#reading = reading
    this.facts = facts
  }

  statement(statement: SqlStatement, entry: TocEntry, tell: Tell): void {
    const { command } = statement
    if (command === 'CREATE LANGUAGE' && statement.find('handler') === -1) return
    for (const { act, detail } of privilegedActsOf(entry, [statement])) {
      if (decidedElsewhere.has(act) || (act === 'subscription' && this.#maySubscribe())) continue
      tell(problems.superuser, detail === undefined ? labelOf(entry) : `${labelOf(entry)} (${detail})`)
    }
    if (needsDatabase.test(command) && !this.facts.createInDatabase) tell(problems.createSchema, labelOf(entry))
    if (command === 'CREATE SCHEMA') this.#makeSchema(statement)
    else if (needsSchema.test(command)) this.#createIn(statement, entry, tell)
    else if (command === 'COMMENT ON') this.#comment(statement, entry, tell)
    else if (command === 'ALTER DEFAULT PRIVILEGES') this.#defaults(statement, tell)
    if (command.startsWith('ALTER ')) this.#giveAway(statement, entry, tell)
  }

  /** Whether a role may create in a schema, as far as it is known. */
  mayCreate(role: string, schema: string): boolean {
    const { roles, members, schemas, user } = this.facts
    if (roles.get(role)?.superuser === true) return true
    const owner = this.#made.get(schema)
    if (owner === undefined) return schemas.get(schema)?.creators.has(role) ?? true
    if (role === owner) return true
    return role === user ? roles.get(owner)?.usage === true : members.has(`${role}\0${owner}`)
  }

  #maySubscribe(): boolean {
    return this.facts.major >= SUBSCRIBERS && this.facts.roles.get('pg_create_subscription')?.usage === true
  }

  #makeSchema(statement: SqlStatement): void {
    const name = this.#reading.decode(statement.name(statement.word(2) === 'authorization' ? 3 : 2) ?? '')
    if (this.facts.createInDatabase && !this.facts.schemas.has(name)) this.#made.set(name, this.facts.user)
  }

  #createIn(statement: SqlStatement, entry: TocEntry, tell: Tell): void {
    const schema = entry.namespace ?? ''
    if (schema === '' || this.mayCreate(this.facts.user, schema)) return
    // a shell type and the type itself are two statements
    if (statement.length > 0) tell(problems.createInSchema, schema)
  }

  #comment(statement: SqlStatement, entry: TocEntry, tell: Tell): void {
    const name = this.#reading.decode(statement.name(3) ?? '')
    const { schemas, extensions, ownsDatabase } = this.facts
    const foreign =
      (statement.word(2) === 'schema' && schemas.get(name)?.owned === false) ||
      (statement.word(2) === 'extension' && extensions.get(name)?.installed === true && !extensions.get(name)?.owned) ||
      (statement.word(2) === 'database' && !ownsDatabase)
    if (foreign) tell(problems.mustOwn, labelOf(entry))
  }

  #defaults(statement: SqlStatement, tell: Tell): void {
    if (!statement.has(3, 'for', 'role|user')) return
    const role = this.#reading.decode(statement.name(5) ?? '')
    const facts = this.facts.roles.get(role)
    if (facts !== undefined && !facts.usage && !facts.canSet) tell(problems.giveAway, role)
  }

  #giveAway(statement: SqlStatement, entry: TocEntry, tell: Tell): void {
    const at = ownerPlace(statement)
    if (at === -1) return
    const { user, roles, schemas } = this.facts
    const [owner] = namedIn('role', this.#reading, statement)
    const facts = owner === undefined ? undefined : roles.get(owner)
    if (owner === undefined || facts === undefined) return
    const { command } = statement
    if (command === 'ALTER SCHEMA') {
      const name = this.#reading.decode(statement.name(2) ?? '')
      if (schemas.get(name)?.owned === false && !this.#made.has(name)) return tell(problems.mustOwn, labelOf(entry))
    }
    if (owner === user) return
    if (!facts.canSet) return tell(problems.giveAway, owner)
    if (command === 'ALTER PUBLICATION' && !this.facts.databaseCreators.has(owner)) {
      return tell(problems.publicationOwner, owner)
    }
    if (command === 'ALTER SCHEMA') {
      const name = this.#reading.decode(statement.name(2) ?? '')
      if (this.#made.has(name)) this.#made.set(name, owner)
      return
    }
    const schema = entry.namespace ?? ''
    const needsCreate = schema !== '' && qualifiedName(this.#reading, statement, 2, entry) !== undefined
    if (needsCreate && !this.mayCreate(owner, schema)) tell(problems.ownerMayNotCreate, `${owner} in ${schema}`)
  }
}

/** What belongs to superusers only. */
const ofSuperusers = /^ALTER (?:EVENT TRIGGER|FOREIGN DATA WRAPPER)$/

/** Tells of an owner whom a superuser cannot give an object either. */
export function checkOwner(reading: Reading, statement: SqlStatement, facts: ServerFacts, tell: Tell): void {
  const { command } = statement
  if (!ofSuperusers.test(command) && !(command === 'ALTER SUBSCRIPTION' && facts.major < SUBSCRIBERS)) return
  if (ownerPlace(statement) === -1) return
  const [owner] = namedIn('role', reading, statement)
  if (owner !== undefined && facts.roles.get(owner)?.superuser === false) tell(problems.superuserOwner, owner)
}

/** The place of OWNER TO; −1 where there is none. */
function ownerPlace(statement: SqlStatement): number {
  for (let at = 2; at < statement.length; at++) {
    if (statement.has(at, 'owner', 'to') && statement.depth(at) === 0) return at
  }
  return -1
}
