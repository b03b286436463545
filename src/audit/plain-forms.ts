import { isAscii } from '../bytes/byte-string.ts'
import type { MarkTest } from './marked-rule.ts'
import { countsIn, sample, Templates, type SampleEntry, type Sampling } from './plain-templates.ts'
import type {
  AuditCatalog,
  CatalogConstraint,
  CatalogGrant,
  CatalogIndex,
  CatalogRole,
  CatalogSequence,
} from './types.ts'

/** What an ACL says of a table or sequence. */
export interface PlainAccess {
  readonly grants: readonly CatalogGrant[]
  readonly roles: readonly (readonly [name: string, as: CatalogRole['uses'][number]['as']])[]
}

const { schema, name, part, otherSchema, other } = sample
const own = `${schema}.${name}`

const table: SampleEntry = {
  desc: 'TABLE',
  tag: name,
  defn: `CREATE TABLE ${own} (\n    ${part} integer\n);\n`,
}

function only<T>(list: readonly T[] | undefined): T | undefined {
  return list?.length === 1 ? list[0] : undefined
}

const saysNothing = (found: AuditCatalog): true | undefined => countsIn(found) === '' || undefined

/** Definitions of one form without their names: where a name was, a `@` stands, or the definition begins behind it. */
export class PlainForms {
  /** What is added after `ADD CONSTRAINT name`, by an entry of this type. */
  readonly constraints: Templates<CatalogConstraint>
  readonly foreignKeys: Templates<CatalogConstraint>
  /** After `SET DEFAULT`, strings without what is in them: the default. */
  readonly defaults: Templates<string>
  /** What comes after the table, of those that are unique or not, and ON ONLY or not. */
  readonly indexes: Templates<CatalogIndex>
  readonly uniqueIndexes: Templates<CatalogIndex>
  readonly onlyIndexes: Templates<CatalogIndex>
  readonly uniqueOnlyIndexes: Templates<CatalogIndex>
  /** After the name. */
  readonly sequences: Templates<CatalogSequence>
  /** `GRANT SELECT ON TABLE @ TO bob;`, one or several, of tables and of sequences. */
  readonly tableAccess: Templates<PlainAccess>
  readonly sequenceAccess: Templates<PlainAccess>
  /** After the name of the partition, strings without what is in them. */
  readonly partitions: Templates<true>
  /** After the name of the trigger; its table is the `@`. */
  readonly triggers: Templates<true>

  /** @param access what rules look for in what is said of privileges */
  constructor(sampling: Sampling, access: MarkTest) {
    const constraint = (desc: string) => (rest: string) => [
      table,
      { desc, tag: `${name} ${part}`, defn: `ALTER TABLE ONLY ${own}\n    ADD CONSTRAINT ${part} ${rest}` },
    ]
    this.constraints = new Templates(sampling, constraint('CONSTRAINT'), (found) =>
      countsIn(found) === 'tables 1, indexes 1' ? only(found.tables[0]?.constraints) : undefined,
    )
    this.foreignKeys = new Templates(
      sampling,
      (rest) => constraint('FK CONSTRAINT')(rest.replace('@', `${otherSchema}.${other}`)),
      (found) => {
        const key = countsIn(found) === 'tables 1' ? only(found.tables[0]?.constraints) : undefined
        const { schema: ofSchema, name: of } = key?.references ?? {}
        return ofSchema === otherSchema && of === other ? key : undefined
      },
    )
    this.defaults = new Templates(
      sampling,
      (rest) => [
        table,
        {
          desc: 'DEFAULT',
          tag: `${name} ${part}`,
          defn: `ALTER TABLE ONLY ${own} ALTER COLUMN ${part} SET DEFAULT ${rest}`,
        },
      ],
      (found) => (countsIn(found) === 'tables 1' ? only(found.tables[0]?.columns)?.default : undefined),
    )
    const indexes = (unique: string, onOnly: string) =>
      new Templates(
        sampling,
        (rest) => {
          const defn = `CREATE ${unique}INDEX ${name} ON ${onOnly}${otherSchema}.${other} ${rest}`
          return [{ desc: 'INDEX', tag: name, defn }]
        },
        (found) => {
          const index = countsIn(found) === 'indexes 1' ? found.indexes[0] : undefined
          // behind a dot the rest would go on with the name
          return index?.schema === otherSchema && index.table === other ? index : undefined
        },
      )
    this.indexes = indexes('', '')
    this.uniqueIndexes = indexes('UNIQUE ', '')
    this.onlyIndexes = indexes('', 'ONLY ')
    this.uniqueOnlyIndexes = indexes('UNIQUE ', 'ONLY ')
    this.sequences = new Templates(
      sampling,
      (rest) => [{ desc: 'SEQUENCE', tag: name, defn: `CREATE SEQUENCE ${own}\n${rest}` }],
      (found) => (countsIn(found) === 'sequences 1' ? found.sequences[0] : undefined),
    )
    const privileges = (type: string) =>
      new Templates(
        { ...sampling, marks: access },
        (rest) => [{ desc: 'ACL', tag: `${type} ${name}`, defn: rest.replaceAll('@', own) }],
        (found) => accessOf(found, type),
      )
    this.tableAccess = privileges('TABLE')
    this.sequenceAccess = privileges('SEQUENCE')
    this.partitions = new Templates(
      sampling,
      (rest) => {
        const defn = `ALTER TABLE ONLY ${otherSchema}.${other} ATTACH PARTITION ${own} ${rest}`
        return [{ desc: 'TABLE ATTACH', tag: name, defn }]
      },
      saysNothing,
    )
    this.triggers = new Templates(
      sampling,
      (rest) => {
        const defn = `CREATE TRIGGER ${part} ${rest.replaceAll('@', own)}`
        return [{ desc: 'TRIGGER', tag: `${name} ${part}`, defn }]
      },
      saysNothing,
    )
  }
}

function accessOf(found: AuditCatalog, type: string): PlainAccess | undefined {
  const { grants } = found
  const isOwn = (grant: CatalogGrant): boolean =>
    grant.objectType === type &&
    grant.object === own &&
    grant.schema === schema &&
    grant.name === name &&
    grant.defaults === undefined
  // names of roles are gathered as bytes
  const roles = found.roles.flatMap((role) => role.uses.map(({ as }) => [role.name, as] as const))
  if (!grants.every(isOwn) || roles.some(([role]) => !isAscii(role))) return undefined
  const expected = [`grants ${grants.length}`, ...(found.roles.length === 0 ? [] : [`roles ${found.roles.length}`])]
  return countsIn(found) === expected.join(', ') ? { grants, roles } : undefined
}
