import type { CompatRules } from '../sql/compat.ts'
import type { DumpId, Section, TocEntry } from '../toc/types.ts'
import type { NameMatchers } from './names.ts'
import type { EntryParts, Selection } from './selection.ts'
import { emptySpan, locate, spanBegins } from './span.ts'

/** What is wanted of an entry: a set of bits, 0 for nothing (REQ_*, pg_backup_archiver.h). */
export type Required = number

export const reqSchema = 1
export const reqData = 2
/** A pseudo entry: never listed nor restored, always needed. */
export const reqSpecial = 4
export const reqStats = 8

/** The public form of a set of bits; shared, not to be compared by identity. */
export function partsOf(required: Required): EntryParts {
  return {
    schema: (required & reqSchema) !== 0,
    data: (required & reqData) !== 0,
    statistics: (required & reqStats) !== 0,
  }
}

// What the decision asks about a desc, as bits so that one look-up answers every question: a list of 120,000 entries
// spends most of its time here (bench case toc-list).
const special = 1 << 0
const statisticsData = 1 << 1
const database = 1 << 2
const acl = 1 << 3
const comment = 1 << 4
const policy = 1 << 5
const publication = 1 << 6
const publicationSchemas = 1 << 7
const securityLabel = 1 << 8
const subscription = 1 << 9
const subscriptionTable = 1 << 10
const dependent = 1 << 11
const relation = 1 << 12
const index = 1 << 13
const routine = 1 << 14
const trigger = 1 << 15
const dataWithoutDumper = 1 << 16
const blobMetadata = 1 << 17
const init = 1 << 18
const aclItself = 1 << 19
const statisticsParent = 1 << 20

const traitsByDesc: ReadonlyMap<string, number> = new Map([
  ['ENCODING', special],
  ['STDSTRINGS', special],
  ['SEARCHPATH', special],
  ['STATISTICS DATA', statisticsData],
  ['DATABASE', database],
  ['DATABASE PROPERTIES', database],
  ['ACL', acl | aclItself | dependent],
  ['ACL LANGUAGE', acl],
  ['DEFAULT ACL', acl],
  ['COMMENT', comment | dependent],
  ['SECURITY LABEL', securityLabel | dependent],
  ['POLICY', policy],
  ['ROW SECURITY', policy],
  ['PUBLICATION', publication],
  ['PUBLICATION TABLE', publication],
  ['PUBLICATION TABLES IN SCHEMA', publicationSchemas],
  ['SUBSCRIPTION', subscription],
  ['SUBSCRIPTION TABLE', subscriptionTable],
  ['TABLE', relation | statisticsParent],
  ['TABLE DATA', relation],
  ['VIEW', relation | statisticsParent],
  ['FOREIGN TABLE', relation | statisticsParent],
  ['MATERIALIZED VIEW', relation | statisticsParent],
  ['MATERIALIZED VIEW DATA', relation],
  ['SEQUENCE', relation],
  ['SEQUENCE SET', relation | dataWithoutDumper],
  ['INDEX', index],
  ['FUNCTION', routine],
  ['AGGREGATE', routine],
  ['PROCEDURE', routine],
  ['TRIGGER', trigger],
  ['BLOB', dataWithoutDumper],
  ['BLOB METADATA', blobMetadata],
  ['<Init>', init],
])

function traitsOf(entry: TocEntry): number {
  return traitsByDesc.get(entry.raw.byteString('desc') ?? '') ?? 0
}

/** Whether an entry is a comment, ACL or label that goes with its object. */
export function isDependent(entry: TocEntry): boolean {
  return (traitsOf(entry) & dependent) !== 0 && !tagBegins(entry, databaseTag)
}

/** Filled and read within one test: nothing keeps it. */
const span = emptySpan()

function tagBegins(entry: TocEntry, prefix: Uint8Array): boolean {
  return locate(entry.raw, 'tag', span) && spanBegins(span, prefix)
}

const ascii = (text: string): Uint8Array => Uint8Array.from(text, (letter) => letter.charCodeAt(0))

const databaseTag = ascii('DATABASE ')
const policyTag = ascii('POLICY')
const publicationTag = ascii('PUBLICATION')
const subscriptionTag = ascii('SUBSCRIPTION')
const largeObjectsTag = ascii('LARGE OBJECT')
const largeObjectTag = ascii('LARGE OBJECT ')
const viaRoot = ascii('-- load via partition root ')

/** Whether names are selected at all: then comments, ACLs and labels go with their objects. */
export function isSelective(names: NameMatchers): boolean {
  return names.schemas !== undefined || names.excludeSchemas !== undefined || selectsTypes(names)
}

function selectsTypes(names: NameMatchers): boolean {
  const { tables, indexes, functions, triggers } = names
  return tables !== undefined || indexes !== undefined || functions !== undefined || triggers !== undefined
}

/** What the decision needs to know of the other entries. */
export interface RequiredContext {
  readonly selection: Selection
  readonly names: NameMatchers
  readonly rules: CompatRules
  /** Whether the list file names an id; undefined without one. */
  readonly isWanted: ((dumpId: DumpId) => boolean) | undefined
  entry(dumpId: DumpId): TocEntry | undefined
  /** The decision already made for the entry with this id; 0 when it comes later or is not there. */
  decided(dumpId: DumpId): Required
}

/**
 * The decision procedure of pg_restore, in its order of tests, because names count as found the moment they are
 * compared (_tocEntryRequired, pg_backup_archiver.c). `section` is that of the entry, or of the nearest one before it
 * that has any.
 */
export function createDecision(context: RequiredContext): (entry: TocEntry, section: Section) => Required {
  const { selection, names, rules, isWanted } = context
  const parts = wantedParts(selection)
  const sections = new Set<Section>(selection.sections?.length ? selection.sections : ['pre-data', 'data', 'post-data'])
  const hasStatisticsPart = rules.hasStatisticsPart || speaksOfStatistics(selection)
  const selective = isSelective(names)
  const byType = selectsTypes(names)

  return (entry, section) => {
    const traits = traitsOf(entry)
    if ((traits & special) !== 0) return reqSpecial
    const isStatistics = hasStatisticsPart && (traits & statisticsData) !== 0
    if (isStatistics && !parts.statistics) return 0
    if ((traits & database) !== 0) return selection.create === true ? reqSchema : 0
    if (isExcludedKind(entry, traits, selection, rules)) return 0
    if (!sections.has(section)) return 0
    if (isWanted !== undefined && !isWanted(entry.dumpId)) return 0
    if ((traits & dependent) !== 0 && tagBegins(entry, databaseTag)) {
      if (selection.create !== true) return 0
    } else if ((traits & dependent) !== 0 || (isStatistics && !rules.statisticsFollowRelations)) {
      if (selective && !hasParent(entry, context)) return 0
    } else {
      if (!isInSchemas(entry, names)) return 0
      if (byType && !(isStatistics ? isOfNamedRelation(entry, context) : isNamed(entry, traits, names))) return 0
    }
    const required = components(entry, traits, isStatistics ? reqStats : reqSchema | reqData, rules)
    if ((traits & init) !== 0 && entry.raw.byteString('tag') === 'Max OID') return 0
    return required & (parts.data ? ~0 : ~reqData) & (parts.schema ? ~0 : ~reqSchema)
  }
}

/** dumpSchema, dumpData, dumpStatistics of pg_restore's main(). */
function wantedParts(selection: Selection): EntryParts {
  const { schemaOnly = false, dataOnly = false, statisticsOnly = false } = selection
  const { noSchema = false, noData = false, noStatistics = false, statistics = false } = selection
  return {
    schema: !dataOnly && !statisticsOnly && !noSchema,
    data: !schemaOnly && !statisticsOnly && !noData,
    statistics: ((!schemaOnly && !dataOnly) || statistics) && !noStatistics,
  }
}

function speaksOfStatistics(selection: Selection): boolean {
  return selection.statistics === true || selection.statisticsOnly === true || selection.noStatistics === true
}

/** The options that leave out whole types of entries. */
function isExcludedKind(entry: TocEntry, traits: number, selection: Selection, rules: CompatRules): boolean {
  if (selection.noPrivileges === true && (traits & acl) !== 0) return true
  if (selection.noComments === true && (traits & comment) !== 0) return true
  if (selection.noSecurityLabels === true && (traits & securityLabel) !== 0) return true
  if (selection.noPolicies === true) {
    if ((traits & policy) !== 0 || ((traits & comment) !== 0 && tagBegins(entry, policyTag))) return true
  }
  const skipsText = rules.skipsCommentsOfSkipped && (traits & (comment | securityLabel)) !== 0
  if (selection.noPublications === true) {
    if ((traits & (rules.skipsPublicationSchemas ? publication | publicationSchemas : publication)) !== 0) return true
    if (skipsText && tagBegins(entry, publicationTag)) return true
  }
  if (selection.noSubscriptions === true) {
    if ((traits & (rules.skipsSubscriptionTables ? subscription | subscriptionTable : subscription)) !== 0) return true
    if (skipsText && tagBegins(entry, subscriptionTag)) return true
  }
  return false
}

/** Whether an object that a comment, ACL or label belongs to is wanted, as far as has been decided yet. */
function hasParent(entry: TocEntry, context: RequiredContext): boolean {
  const { dependencies } = entry
  if (!context.rules.ignoresAclDependencies) {
    const only = dependencies.length === 1 ? dependencies[0] : undefined
    return only !== undefined && context.decided(only) !== 0
  }
  for (const dumpId of dependencies) {
    if (context.decided(dumpId) === 0) continue
    const parent = context.entry(dumpId)
    // that of a column depends on the table's ACL only for the order of restoring
    if (parent !== undefined && (traitsOf(parent) & aclItself) === 0) return true
  }
  return false
}

function isInSchemas(entry: TocEntry, names: NameMatchers): boolean {
  if (names.schemas !== undefined && !names.schemas.test(entry)) return false
  return names.excludeSchemas === undefined || !names.excludeSchemas.test(entry)
}

function isNamed(entry: TocEntry, traits: number, names: NameMatchers): boolean {
  if ((traits & relation) !== 0) return names.tables?.test(entry) ?? false
  if ((traits & index) !== 0) return names.indexes?.test(entry) ?? false
  if ((traits & routine) !== 0) return names.functions?.test(entry) ?? false
  if ((traits & trigger) !== 0) return names.triggers?.test(entry) ?? false
  return false
}

/** Statistics carry no type of their own: the table or index that they depend on must be named. */
function isOfNamedRelation(entry: TocEntry, context: RequiredContext): boolean {
  const { tables, indexes } = context.names
  let found = false
  for (const dumpId of entry.dependencies) {
    const parent = context.entry(dumpId)
    if (parent === undefined) continue
    const traits = traitsOf(parent)
    // no early end: each name compared counts as found
    if ((traits & statisticsParent) !== 0 && tables?.test(parent)) found = true
    if ((traits & index) !== 0 && indexes?.test(parent)) found = true
  }
  return found
}

/** Which components an entry has, whatever is selected. */
function components(entry: TocEntry, traits: number, all: Required, rules: CompatRules): Required {
  let required = all
  if (!entry.hadDumper) required &= isData(entry, traits, rules) ? reqData : ~reqData
  const hasDefn = locate(entry.raw, 'defn', span) && span.end > span.start && !spanBegins(span, viaRoot)
  if (!hasDefn) required &= ~reqSchema
  return required
}

/** Entries without a data block that count as data all the same: sequence values, and all about large objects. */
function isData(entry: TocEntry, traits: number, rules: CompatRules): boolean {
  if ((traits & dataWithoutDumper) !== 0) return true
  if ((traits & blobMetadata) !== 0) return rules.blobMetadataIsData
  if ((traits & dependent) === 0) return false
  return tagBegins(entry, rules.largeObjectGroupsAreData ? largeObjectsTag : largeObjectTag)
}
