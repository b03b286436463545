import { isAscii } from '../bytes/byte-string.ts'
import { readingOf, type Reading } from '../audit/reading.ts'
import { readFunction } from '../audit/read-function.ts'
import { releaseNotes, removedFeatures } from '../audit/removed-features.ts'
import { statementsOf, type SqlStatement } from '../audit/statement.ts'
import type { PreparedScript } from '../ops/prepare-script.ts'
import { isDatabase } from '../sql/drop.ts'
import { TargetAdapter } from '../sql/target.ts'
import type { TocEntry } from '../toc/types.ts'
import { CheckFindings, type Problem } from './check-report.ts'
import { problems } from './check-problems.ts'
import { checkOwner, PrivilegeCheck, type Tell } from './check-privileges.ts'
import { labelOf } from './entry-label.ts'
import { collationsIn, localesIn, namedIn, optionIn, type UsedCollation } from './named-in-statement.ts'
import { createdLargeObject, createdObjects, keyOf, type CreatedObject } from './created-objects.ts'
import type { ObjectsThere } from './objects-there.ts'
import type { PlannedCommand, PlannedData } from './planned-commands.ts'
import type { ExtensionFacts, ServerFacts } from './server-facts.ts'

/** Something to ask the server about when all is seen. */
export interface Later<T> {
  readonly entry: TocEntry
  readonly what: T
}

const noExtension: ExtensionFacts = {
  available: false,
  installed: false,
  owned: false,
  superuser: false,
  trusted: false,
  requires: [],
}

/** Languages of any database. */
const ofAllDatabases: ReadonlyMap<string, boolean> = new Map([
  ['c', false],
  ['internal', false],
  ['sql', true],
  ['plpgsql', true],
])

/** Goes through what a restore will send, with what is known of the server, and finds what will fail. */
export class CheckWalk {
  readonly findings = new CheckFindings()
  readonly collations: Later<UsedCollation>[] = []
  readonly locales: Later<string>[] = []
  /** Tables that are there, and get rows. */
  readonly filled: TocEntry[] = []
  /** Tables of which triggers are to be disabled. */
  readonly disabled: TocEntry[] = []
  readonly #prepared: PreparedScript
  readonly #reading: Reading
  readonly #adapter: TargetAdapter | null
  readonly #sourceMajor: number
  readonly #privileges: PrivilegeCheck
  #facts: ServerFacts
  /** Undefined where it is not known: a database that was there and is not the one connected to. */
  #there: ObjectsThere | undefined
  readonly #dropped = new Set<number>()
  /** What goes before anything is created, by key. */
  readonly #droppedObjects = new Set<string>()
  #droppedDatabase: string | undefined
  readonly #created = new Set<string>()
  readonly #createdExtensions = new Set<string>()
  readonly #createdLanguages = new Set<string>()
  readonly #createdAccessMethods = new Set<string>()
  /** Whether there are definitions at all. */
  #defines = false
  /** What was told of the command at hand: it counts once. */
  #told = new Set<Problem>()
  #entry: TocEntry | undefined
  /** Features that the server lacks, of the definition at hand. */
  #lacks: string[] = []
  #adapted: TocEntry | undefined

  constructor(prepared: PreparedScript, facts: ServerFacts, there: ObjectsThere) {
    const { filtered, context } = prepared
    this.#prepared = prepared
    this.#reading = readingOf(filtered)
    this.#facts = facts
    this.#there = there
    this.#privileges = new PrivilegeCheck(this.#reading, facts)
    const { remoteVersion, dumpVersion } = filtered.header
    const [remote, dump] = [remoteVersion, dumpVersion].map((version) => Number.parseInt(version ?? '', 10) || 0)
    this.#sourceMajor = remote ?? 0
    const newest = Math.max(remote ?? 0, dump ?? 0)
    this.#adapter =
      context.target === null && facts.major < newest
        ? new TargetAdapter(facts.major, remoteVersion, filtered.settings, ({ severity }, lack) => {
            if (severity === 'error' && lack !== undefined) this.#lacks.push(lack.feature)
          })
        : null
    if (context.target === null && facts.major < this.#sourceMajor) {
      this.findings.add(problems.older, `${facts.major}, dumped from ${remoteVersion}`, undefined, 0)
    }
    if (facts.standby) this.findings.add(problems.standby, undefined, undefined, 0)
    else if (facts.readOnly) this.findings.add(problems.readOnlySetting, undefined, undefined, 0)
    if (!prepared.filtered.selection.create) this.#encoding(facts.encoding)
  }

  command({ entry, sql, step }: PlannedCommand): void {
    this.#told = new Set()
    this.#entry = entry
    if (entry?.desc.startsWith('BLOB') === true) {
      const object = createdLargeObject(sql)
      if (object !== undefined) return this.#notThere([object], entry)
    }
    const statements = statementsOf(sql, this.#reading)
    for (const statement of statements) this.#names(statement)
    if (step === 'begin') return this.#settings(statements)
    if (entry === undefined) return
    if (step === 'drop') return this.#drop(statements, entry)
    this.#adapt(entry)
    this.#settings(statements)
    this.#defines ||= statements.length > 0
    for (const statement of statements) this.#statement(statement, entry)
  }

  data({ entry }: PlannedData): void {
    this.#told = new Set()
    this.#entry = entry
    const { options } = this.#prepared.context
    if (entry.desc !== 'TABLE DATA') return
    if (options.disableTriggers) this.disabled.push(entry)
    const key = keyOf('relation', entry.namespace ?? '', entry.tag ?? '')
    if (!this.#schema(entry) || this.#there === undefined || this.#created.has(key)) return
    const table = this.#there.get(key)
    const name = `${entry.namespace ?? ''}.${entry.tag ?? ''}`
    if (table === undefined) this.#tell(problems.tables, name)
    else if (!this.#facts.superuser && !table.filled) this.#tell(problems.fill, name)
    else {
      this.#tell(problems.rowsThere, name)
      if (!this.#facts.superuser && !(options.enableRowSecurity && !entry.copyStmt)) this.filled.push(entry)
    }
  }

  /** What can be told when all has been seen. */
  end(): void {
    if (!this.#defines) return
    for (const name of this.#facts.eventTriggers) {
      if (this.#droppedObjects.has(keyOf('event trigger', name))) continue
      this.findings.add(problems.eventTriggers, name, undefined, 0)
    }
  }

  readonly #tell: Tell = (problem, name) => {
    this.findings.add(problem, name, this.#entry?.dumpId, this.#told.has(problem) ? 0 : 1)
    this.#told.add(problem)
  }

  /** Of what belongs to the cluster. */
  #names(statement: SqlStatement): void {
    const { roles, tablespaces, superuser, user } = this.#facts
    // who granted a privilege is part of what takes a superuser
    const isOfAcl = this.#entry?.desc.endsWith('ACL') === true
    const isSessionUser = !isOfAcl && statement.has(0, 'set', 'session', 'authorization')
    for (const name of namedIn('role', this.#reading, statement)) {
      if (!roles.has(name)) this.#tell(name.startsWith('pg_') ? problems.reservedRoles : problems.roles, name)
      else if (isSessionUser && !superuser && name !== user) this.#tell(problems.sessionUser, name)
    }
    for (const name of namedIn('tablespace', this.#reading, statement)) {
      if (!tablespaces.has(name)) this.#tell(problems.tablespaces, name)
    }
  }

  #settings(statements: readonly SqlStatement[]): void {
    for (const statement of statements) {
      const name = statement.word(1)
      if (statement.command !== 'SET' || statement.mark(2) !== '=' || this.#facts.settings.has(name)) continue
      this.#tell(problems.settings, name)
    }
  }

  #encoding(encoding: string): void {
    const from = this.#prepared.filtered.settings.encoding
    if (from === encoding) return
    const both = `${from} into ${encoding}`
    if (from === 'SQL_ASCII' || encoding === 'SQL_ASCII') {
      if (encoding !== 'SQL_ASCII' || !this.#isPlain()) this.findings.add(problems.noEncoding, both, undefined, 0)
    } else if (!this.#facts.convertible.has(from)) this.findings.add(problems.conversion, both, undefined)
    else if (encoding !== 'UTF8') this.findings.add(problems.narrowEncoding, both, undefined, 0)
  }

  /** Whether there is nothing that could be lost: no data, and names in ASCII. */
  #isPlain(): boolean {
    const { filtered, plan } = this.#prepared
    return plan.data.length === 0 && filtered.toc.every(({ raw }) => isAscii(raw.byteString('defn') ?? ''))
  }

  #drop(statements: readonly SqlStatement[], entry: TocEntry): void {
    if (statements.length === 0) return
    if (isDatabase(entry.desc)) return this.#dropDatabase(statements, entry)
    this.#dropped.add(entry.dumpId)
    if (entry.desc.startsWith('BLOB')) return
    const objects = statementsOf(entry.raw.byteString('defn') ?? '', this.#reading).flatMap((statement) =>
      createdObjects(this.#reading, statement, entry),
    )
    for (const { key } of objects) this.#droppedObjects.add(key)
    const [first] = objects
    if (first === undefined || this.#prepared.context.options.ifExists || this.#there === undefined) return
    if (objects.every(({ key }) => !this.#there?.has(key))) this.#tell(problems.objectsMissing, first.name)
  }

  #dropDatabase(statements: readonly SqlStatement[], entry: TocEntry): void {
    if (!statements.some(({ command }) => command === 'DROP DATABASE')) return
    const name = entry.tag ?? ''
    if (!this.#facts.databases.has(name)) {
      if (!this.#prepared.context.options.ifExists) this.#tell(problems.databaseMissing, name)
    } else if (name === this.#facts.database) this.#tell(problems.databaseInUse, name)
    else this.#droppedDatabase = name
  }

  #statement(statement: SqlStatement, entry: TocEntry): void {
    switch (statement.command) {
      case 'CREATE DATABASE':
        return this.#database(statement, entry)
      case 'CREATE EXTENSION':
        this.#extension(this.#reading.decode(statement.name(statement.has(2, 'if', 'not', 'exists') ? 5 : 2) ?? ''))
        break
      case 'CREATE LANGUAGE':
        this.#language(statement)
        break
      case 'CREATE FUNCTION':
      case 'CREATE PROCEDURE':
        this.#routine(statement, entry)
        break
      case 'CREATE ACCESS METHOD':
        this.#createdAccessMethods.add(this.#reading.decode(statement.name(3) ?? ''))
        break
      case 'CREATE COLLATION':
        this.#collation(statement, entry)
        break
      case 'COMMENT ON':
        this.#commentOnExtension(statement)
        break
    }
    this.#accessMethods(statement)
    this.#notThere(createdObjects(this.#reading, statement, entry), entry)
    this.#schema(entry)
    for (const what of collationsIn(this.#reading, statement)) {
      if (!this.#created.has(keyOf('collation', what.schema, what.name))) this.collations.push({ entry, what })
    }
    if (this.#facts.superuser) checkOwner(this.#reading, statement, this.#facts, this.#tell)
    else {
      this.#privileges.statement(statement, entry, this.#tell)
      this.#tablespace(statement, entry)
    }
    this.#removed(statement, entry)
  }

  #notThere(objects: readonly CreatedObject[], entry: TocEntry): void {
    for (const { key, name, of } of objects) {
      this.#created.add(key)
      const there = this.#there?.get(key)
      if (there === undefined) continue
      const isDropped = this.#dropped.has(entry.dumpId) || this.#droppedObjects.has(key)
      if (isDropped || (of !== undefined && this.#droppedObjects.has(of))) {
        if (there.owned || this.#facts.superuser) continue
        this.#tell(problems.mustOwn, name)
      }
      this.#tell(problems.objectsThere, name)
    }
  }

  /** The schema of what a statement is about; false where there is none. */
  #schema(entry: TocEntry): boolean {
    const schema = entry.namespace ?? ''
    if (schema === '' || this.#there === undefined) return true
    if (this.#facts.schemas.has(schema) || this.#created.has(keyOf('schema', schema))) return true
    this.#tell(problems.schemas, schema)
    return false
  }

  #extension(name: string): void {
    const { extensions, superuser, createInDatabase } = this.#facts
    const facts = extensions.get(name) ?? noExtension
    if (facts.installed) return
    if (!facts.available) return this.#tell(problems.extensions, name)
    const missing = facts.requires.filter(
      (other) => extensions.get(other)?.installed !== true && !this.#createdExtensions.has(other),
    )
    if (missing.length > 0) return this.#tell(problems.requiredExtensions, `${name} (needs ${missing.join(', ')})`)
    if (!superuser && facts.superuser && !(facts.trusted && createInDatabase)) {
      return this.#tell(problems.untrusted, name)
    }
    this.#createdExtensions.add(name)
    this.#createdLanguages.add(name)
  }

  #language(statement: SqlStatement): void {
    const at = statement.find('language')
    const name = this.#reading.decode(statement.name(at + 1) ?? statement.literal(at + 1) ?? '')
    // without its functions it means the extension of that name
    if (statement.find('handler') === -1) {
      if (!this.#facts.languages.has(name)) this.#extension(name)
    } else if (this.#facts.superuser) this.#createdLanguages.add(name)
  }

  #routine(statement: SqlStatement, entry: TocEntry): void {
    const language = readFunction(this.#reading, statement, entry)?.language ?? ''
    if (language === '' || this.#createdLanguages.has(language)) return
    const mayUse = this.#facts.languages.get(language)
    if (mayUse === undefined) this.#tell(problems.languages, language)
    else if (!mayUse && !this.#facts.superuser && this.#isTrusted(language)) {
      this.#tell(problems.languagePrivilege, language)
    }
  }

  /** Untrusted languages are told of as statements that take a superuser. */
  #isTrusted(language: string): boolean {
    return language !== 'c' && language !== 'internal' && !/^pl.*u$/.test(language)
  }

  #commentOnExtension(statement: SqlStatement): void {
    const name = this.#reading.decode(statement.name(3) ?? '')
    if (statement.word(2) !== 'extension' || this.#createdExtensions.has(name)) return
    const facts = this.#facts.extensions.get(name) ?? noExtension
    if (facts.installed) return
    if (!facts.available) this.#tell(problems.extensions, name)
    else if (facts.superuser && !this.#facts.superuser) this.#tell(problems.untrusted, name)
  }

  #accessMethods(statement: SqlStatement): void {
    // an extension that is created on the way may bring it
    if (this.#createdExtensions.size > 0) return
    for (const name of namedIn('accessMethod', this.#reading, statement)) {
      if (this.#facts.accessMethods.has(name) || this.#createdAccessMethods.has(name)) continue
      this.#tell(problems.accessMethods, name)
    }
  }

  #collation(statement: SqlStatement, entry: TocEntry): void {
    if (optionIn(this.#reading, statement, 'provider') === 'icu' && !this.#facts.icu) {
      this.#tell(problems.icu, labelOf(entry))
    }
    for (const what of localesIn(this.#reading, statement)) this.locales.push({ entry, what })
  }

  #tablespace({ command }: SqlStatement, { tablespace }: TocEntry): void {
    if (!tablespace || this.#prepared.context.options.noTablespaces || !command.startsWith('CREATE ')) return
    const { tablespaces, tablespace: own } = this.#facts
    if (tablespace !== own && tablespaces.get(tablespace) === false)
      this.#tell(problems.tablespacePrivilege, tablespace)
  }

  #adapt(entry: TocEntry): void {
    // several commands come of one entry
    if (this.#adapter === null || this.#adapted === entry) return
    this.#adapted = entry
    const defn = entry.raw.byteString('defn') ?? ''
    this.#lacks = []
    const { noTableAccessMethod } = this.#prepared.context.options
    const method = entry.relkind === 'p' && !noTableAccessMethod ? entry.tableam : undefined
    const changed =
      this.#adapter.adapt(entry, defn) !== defn ||
      (method && !this.#adapter.takesAccessMethodOfPartitioned(entry, method))
    if (this.#lacks.length > 0) for (const feature of this.#lacks) this.#tell(problems.lacking, feature)
    else if (changed) this.#tell(problems.olderServer, labelOf(entry))
  }

  #removed(statement: SqlStatement, entry: TocEntry): void {
    for (const { since, what, found } of removedFeatures) {
      if (since > this.#facts.major || this.#sourceMajor === 0 || since <= this.#sourceMajor) continue
      if (found(statement, entry) !== -1) this.#tell(problems.newerServer, `${what} (${releaseNotes(since)})`)
    }
  }

  /** From here on it is another database, as template0 makes it. */
  #database(statement: SqlStatement, entry: TocEntry): void {
    const name = entry.tag ?? ''
    const { databases, database, createDatabase, roles, user, superuser, major } = this.#facts
    const isThere = databases.has(name) && this.#droppedDatabase !== name
    if (isThere) {
      this.#tell(problems.databaseThere, name)
      if (name !== database) this.#there = undefined
      return
    }
    if (!createDatabase) this.#tell(problems.createDatabase, name)
    for (const what of localesIn(this.#reading, statement)) this.locales.push({ entry, what })
    const creators = superuser || major >= 15 ? [user] : [...roles.keys()]
    const open = { owned: superuser || major >= 15, creators: new Set(creators) }
    const closed = { owned: superuser, creators: new Set<string>() }
    const installed = this.#facts.extensions.get('plpgsql') ?? noExtension
    const extensions = new Map(
      [...this.#facts.extensions].map(([key, facts]) => [key, { ...facts, installed: false, owned: false }]),
    )
    extensions.set('plpgsql', { ...installed, installed: true, owned: superuser })
    this.#there = new Map()
    this.#facts = {
      ...this.#facts,
      database: name,
      createInDatabase: true,
      databaseCreators: new Set([user]),
      eventTriggers: [],
      ownsDatabase: true,
      tablespace: optionIn(this.#reading, statement, 'tablespace') ?? this.#facts.tablespace,
      schemas: new Map([
        ['public', open],
        ['pg_catalog', closed],
        ['information_schema', closed],
      ]),
      extensions,
      languages: ofAllDatabases,
      accessMethods: new Set(['heap', 'btree', 'hash', 'gist', 'gin', 'spgist', 'brin']),
    }
    this.#privileges.facts = this.#facts
    this.#encoding(optionIn(this.#reading, statement, 'encoding') ?? this.#facts.encoding)
  }
}
