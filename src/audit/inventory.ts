import type { TocEntry } from '../toc/types.ts'
import { spelledRole } from './read-relation.ts'
import type { AuditInventory, InventoryPrivilege, InventoryRole } from './report.ts'
import type { AuditCatalog, CatalogGrant } from './types.ts'

/** Entries that say something of another object, or hold its data: no objects of their own. */
const noObjects: ReadonlySet<string> = new Set([
  'ACL',
  'ACL LANGUAGE',
  'BLOBS',
  'COMMENT',
  'DATABASE PROPERTIES',
  'DEFAULT',
  'DEFAULT ACL',
  'ENCODING',
  'INDEX ATTACH',
  'MATERIALIZED VIEW DATA',
  'ROW SECURITY',
  'SEARCHPATH',
  'SECURITY LABEL',
  'SEQUENCE OWNED BY',
  'SEQUENCE SET',
  'STATISTICS DATA',
  'STDSTRINGS',
  'TABLE ATTACH',
  'TABLE DATA',
])

/** What is known of an archive besides its table of contents. */
export interface InventorySources {
  /** Bytes that the data of an entry take, by dump id. */
  readonly storedBytes?: ReadonlyMap<number, number> | undefined
  /** Rows of a TABLE DATA entry. */
  rows?(entry: TocEntry): number | undefined
}

/** Counts what an archive creates, and says who may do what with it. */
export function inventoryOf(catalog: AuditCatalog, sources: InventorySources = {}): AuditInventory {
  const types = new Map<string, number>()
  const schemas = new Map<string, Map<string, number>>()
  const owned = new Map<string, number>()
  for (const entry of catalog.entries) {
    const desc = entry.raw.byteString('desc') ?? ''
    if (noObjects.has(desc)) continue
    add(types, desc)
    const schema = entry.raw.byteString('namespace') ?? ''
    let inSchema = schemas.get(schema)
    if (inSchema === undefined) {
      inSchema = new Map()
      schemas.set(schema, inSchema)
    }
    add(inSchema, desc)
    const owner = entry.raw.byteString('owner') ?? ''
    if (owner !== '') add(owned, owner)
  }
  const decode = (text: string): string => catalog.decode(text)
  const typesOf = (counts: ReadonlyMap<string, number>): AuditInventory['types'] =>
    sorted(counts).map(([type, objects]) => ({ type: decode(type), objects }))
  const privileges = privilegesOf(catalog)
  return {
    types: typesOf(types),
    schemas: [...schemas].map(([schema, counts]) => ({
      schema: schema === '' ? null : decode(schema),
      objects: [...counts.values()].reduce((sum, count) => sum + count, 0),
      types: typesOf(counts),
    })),
    owners: sorted(owned).map(([owner, objects]) => ({ owner: decode(owner), objects })),
    privileges,
    tables: largestTables(catalog, sources),
    extensions: catalog.extensions.map(({ name, schema }) => ({ name, schema: schema ?? null })),
    languages: languagesOf(catalog),
    roles: rolesOf(catalog, privileges),
  }
}

function add(counts: Map<string, number>, key: string): void {
  counts.set(key, (counts.get(key) ?? 0) + 1)
}

/** The most frequent first. */
function sorted(counts: ReadonlyMap<string, number>): readonly (readonly [string, number])[] {
  return [...counts].sort((a, b) => b[1] - a[1])
}

/** What grants leave when revokes are done with, in the order of the archive; default privileges aside. */
function privilegesOf(catalog: AuditCatalog): readonly InventoryPrivilege[] {
  interface Draft {
    readonly grant: CatalogGrant
    readonly role: string
    readonly privileges: Set<string>
    grantOption: boolean
  }
  const drafts = new Map<string, Draft>()
  for (const grant of catalog.grants) {
    if (grant.defaults !== undefined || grant.objectType === 'ROLE') continue
    for (const role of grant.grantees) {
      const key = [grant.objectType, grant.entry.namespace ?? '', grant.object, role].join('\u0000')
      const draft = drafts.get(key)
      if (!grant.grant) {
        if (grant.privileges.includes('ALL')) drafts.delete(key)
        else for (const privilege of grant.privileges) draft?.privileges.delete(privilege)
        continue
      }
      if (draft === undefined) {
        const { grantOption } = grant
        drafts.set(key, { grant, role, privileges: new Set(grant.privileges), grantOption })
        continue
      }
      for (const privilege of grant.privileges) draft.privileges.add(privilege)
      draft.grantOption ||= grant.grantOption
    }
  }
  return [...drafts.values()]
    .filter(({ privileges }) => privileges.size > 0)
    .map(({ grant, role, privileges, grantOption }) => ({
      role,
      type: grant.objectType,
      object: grant.object,
      schema: grant.schema ?? null,
      privileges: [...privileges],
      grantOption,
    }))
}

function largestTables(catalog: AuditCatalog, { storedBytes, rows }: InventorySources): AuditInventory['tables'] {
  return catalog
    .ofType('TABLE DATA')
    .map((entry) => ({
      dumpId: entry.dumpId,
      schema: entry.namespace,
      name: entry.tag ?? '',
      storedBytes: storedBytes?.get(entry.dumpId) ?? null,
      rows: rows?.(entry) ?? null,
    }))
    .sort((a, b) => (b.storedBytes ?? -1) - (a.storedBytes ?? -1) || (b.rows ?? -1) - (a.rows ?? -1))
}

function languagesOf(catalog: AuditCatalog): AuditInventory['languages'] {
  const counts = new Map<string, number>()
  for (const { language } of catalog.functions) if (language !== '') add(counts, language)
  const created = new Set(catalog.ofType('PROCEDURAL LANGUAGE').map(({ tag }) => tag ?? ''))
  for (const name of created) if (!counts.has(name)) counts.set(name, 0)
  return [...counts].map(([language, functions]) => ({ language, functions, created: created.has(language) }))
}

function rolesOf(catalog: AuditCatalog, privileges: readonly InventoryPrivilege[]): readonly InventoryRole[] {
  const roles = new Map<string, { owns: number; policies: number; may: Map<string, Map<string, number>> }>()
  const roleOf = (name: string) => {
    let role = roles.get(name)
    if (role === undefined) {
      role = { owns: 0, policies: 0, may: new Map() }
      roles.set(name, role)
    }
    return role
  }
  for (const { name, uses } of catalog.roles) {
    const role = roleOf(spelledRole(name))
    role.owns = uses.reduce(
      (sum, { as, entry }) => sum + (as === 'owner' && !noObjects.has(entry.raw.byteString('desc') ?? '') ? 1 : 0),
      0,
    )
  }
  for (const { role: name, type, privileges: granted } of privileges) {
    const { may } = roleOf(name)
    let counts = may.get(type)
    if (counts === undefined) {
      counts = new Map()
      may.set(type, counts)
    }
    for (const privilege of granted) add(counts, privilege)
  }
  for (const { roles: names } of catalog.policies) for (const name of names) roleOf(name).policies++
  return [...roles].map(([name, { owns, policies, may }]) => ({
    name,
    owns,
    policies,
    may: [...may].flatMap(([type, counts]) =>
      [...counts].map(([privilege, objects]) => ({ privilege, type, objects })),
    ),
  }))
}
