import { isAscii } from '../bytes/byte-string.ts'
import { countsIn, sample, Templates, type ReadSample, type SampleEntry } from './plain-templates.ts'
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
  /** `UNIQUE INDEX ONLY @ USING btree (a);`: the table is the `@`. */
  readonly indexes: Templates<CatalogIndex>
  /** After the name. */
  readonly sequences: Templates<CatalogSequence>
  /** `GRANT SELECT ON TABLE @ TO bob;`, one or several. */
  readonly access: Templates<PlainAccess>
  /** After the name of the partition, strings without what is in them. */
  readonly partitions: Templates<true>
  /** After the name of the trigger; its table is the first `@`. */
  readonly triggers: Templates<true>

  constructor(read: ReadSample) {
    const constraint = (desc: string) => (rest: string) => [
      table,
      { desc, tag: `${name} ${part}`, defn: `ALTER TABLE ONLY ${own}\n    ADD CONSTRAINT ${part} ${rest}` },
    ]
    this.constraints = new Templates(read, constraint('CONSTRAINT'), (found) =>
      countsIn(found) === 'tables 1, indexes 1' ? only(found.tables[0]?.constraints) : undefined,
    )
    this.foreignKeys = new Templates(
      read,
      (rest) => constraint('FK CONSTRAINT')(rest.replace('@', `${otherSchema}.${other}`)),
      (found) => {
        const key = countsIn(found) === 'tables 1' ? only(found.tables[0]?.constraints) : undefined
        const { schema: ofSchema, name: of } = key?.references ?? {}
        return ofSchema === otherSchema && of === other ? key : undefined
      },
    )
    this.defaults = new Templates(
      read,
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
    this.indexes = new Templates(
      read,
      (rest) => {
        const statement = rest.replace('INDEX ', `INDEX ${name} ON `).replace('@', `${otherSchema}.${other}`)
        return [{ desc: 'INDEX', tag: name, defn: `CREATE ${statement}` }]
      },
      (found) => {
        const index = countsIn(found) === 'indexes 1' ? found.indexes[0] : undefined
        // behind a dot the rest would go on with the name
        return index?.schema === otherSchema && index.table === other ? index : undefined
      },
    )
    this.sequences = new Templates(
      read,
      (rest) => [{ desc: 'SEQUENCE', tag: name, defn: `CREATE SEQUENCE ${own}\n${rest}` }],
      (found) => (countsIn(found) === 'sequences 1' ? found.sequences[0] : undefined),
    )
    this.access = new Templates(
      read,
      (rest) => {
        const type = / ON ([A-Z]+) @ /.exec(rest)?.[1] ?? ''
        return [{ desc: 'ACL', tag: `${type} ${name}`, defn: rest.replaceAll('@', own) }]
      },
      accessOf,
    )
    this.partitions = new Templates(
      read,
      (rest) => {
        const defn = `ALTER TABLE ONLY ${otherSchema}.${other} ATTACH PARTITION ${own} ${rest}`
        return [{ desc: 'TABLE ATTACH', tag: name, defn }]
      },
      saysNothing,
    )
    this.triggers = new Templates(
      read,
      (rest) => {
        const defn = `CREATE TRIGGER ${part} ${rest.replace('@', own)}`
        return [{ desc: 'TRIGGER', tag: `${name} ${part}`, defn }]
      },
      saysNothing,
    )
  }
}

function accessOf(found: AuditCatalog): PlainAccess | undefined {
  const { grants } = found
  const isOwn = (grant: CatalogGrant): boolean =>
    grant.object === own && grant.schema === schema && grant.name === name && grant.defaults === undefined
  // names of roles are gathered as bytes
  const roles = found.roles.flatMap((role) => role.uses.map(({ as }) => [role.name, as] as const))
  if (!grants.every(isOwn) || roles.some(([role]) => !isAscii(role))) return undefined
  const expected = [`grants ${grants.length}`, ...(found.roles.length === 0 ? [] : [`roles ${found.roles.length}`])]
  return countsIn(found) === expected.join(', ') ? { grants, roles } : undefined
}
