import { fieldCount, parseCopyStatement } from '../copy/copy-statement.ts'
import type { Finding } from '../errors.ts'
import type { ArchiveHeader, DumpId, Section, TocEntry } from '../toc/types.ts'
import { refusesOwner } from '../sql/entry.ts'
import { featuresOf } from '../toc/version.ts'
import type { Findings } from './findings.ts'

/** Sections of the types of entries that are always in one (pg_dump.c). */
const sections: ReadonlyMap<string, Section> = new Map<string, Section>([
  ...fixed('data', ['BLOBS', 'SEQUENCE SET', 'TABLE DATA']),
  ...fixed('post-data', [
    'CHECK CONSTRAINT',
    'CONSTRAINT',
    'EVENT TRIGGER',
    'FK CONSTRAINT',
    'INDEX',
    'INDEX ATTACH',
    'MATERIALIZED VIEW DATA',
    'POLICY',
    'PUBLICATION',
    'PUBLICATION TABLE',
    'PUBLICATION TABLES IN SCHEMA',
    'ROW SECURITY',
    'STATISTICS',
    'SUBSCRIPTION',
    'SUBSCRIPTION TABLE',
    'TRIGGER',
  ]),
  ...fixed('pre-data', [
    'ACCESS METHOD',
    'AGGREGATE',
    'BLOB',
    'CAST',
    'COLLATION',
    'CONVERSION',
    'DEFAULT',
    'DOMAIN',
    'EXTENSION',
    'FOREIGN DATA WRAPPER',
    'FOREIGN TABLE',
    'FUNCTION',
    'MATERIALIZED VIEW',
    'OPERATOR',
    'OPERATOR CLASS',
    'OPERATOR FAMILY',
    'PROCEDURE',
    'SCHEMA',
    'SEQUENCE',
    'SEQUENCE OWNED BY',
    'SERVER',
    'SHELL TYPE',
    'TABLE',
    'TABLE ATTACH',
    'TEXT SEARCH CONFIGURATION',
    'TEXT SEARCH DICTIONARY',
    'TEXT SEARCH PARSER',
    'TEXT SEARCH TEMPLATE',
    'TRANSFORM',
    'TYPE',
    'VIEW',
  ]),
])

function fixed(section: Section, descs: readonly string[]): readonly (readonly [string, Section])[] {
  return descs.map((desc) => [desc, section] as const)
}

/** Order of sections; entries without one may stand anywhere. */
export const sectionOrder: Readonly<Record<Section, number>> = {
  none: 0,
  unknown: 0,
  'pre-data': 1,
  data: 2,
  'post-data': 3,
}

/** The section that entries of a type are always in; undefined where that differs. */
export function sectionOf(desc: string): Section | undefined {
  return sections.get(desc)
}

/**
 * A SEQUENCE SET in pre-data, beside its SEQUENCE: so pg_dump 8.4 to 9.1 writes it (dumpSequence, pg_dump.c), and so
 * pg_restore takes it in archives before 1.11. From 9.2 on it is data. Archives before 1.14 come from either; newer ones
 * are from 9.2 on, or made of older ones.
 */
export function isEarlySequenceSet(
  { desc, section }: TocEntry,
  { version, dumpVersion }: Pick<ArchiveHeader, 'version' | 'dumpVersion'>,
): boolean {
  if (desc !== 'SEQUENCE SET' || section !== 'pre-data') return false
  const release = /^(\d+)\.(\d+)/.exec(dumpVersion ?? '')
  if (release === null || !featuresOf(version).tableam) return true
  const [major, minor] = [Number(release[1]), Number(release[2])]
  return major < 9 || (major === 9 && minor < 2)
}

/** Finds what is wrong with a table of contents by itself. */
export function verifyToc(header: ArchiveHeader, toc: readonly TocEntry[], findings: Findings): void {
  const ids = checkIds(toc, findings)
  // before 1.11 sections are derived: there is nothing to compare
  if (featuresOf(header.version).section) checkSections(header, toc, findings)
  checkDependencies(toc, ids, findings)
  checkTexts(header, toc, findings)
}

function nameOf({ desc, tag }: TocEntry): string {
  return `${desc} ${JSON.stringify(tag ?? '')}`
}

function checkIds(toc: readonly TocEntry[], findings: Findings): ReadonlyMap<DumpId, number> {
  const places = new Map<DumpId, number>()
  toc.forEach((entry, index) => {
    const { dumpId } = entry
    const first = places.get(dumpId)
    if (first === undefined) {
      places.set(dumpId, index)
      return
    }
    findings.add({
      code: 'DUPLICATE_DUMP_ID',
      severity: 'error',
      message: `Dump id ${dumpId} has two entries: ${describe(toc[first])}, and ${nameOf(entry)}`,
      dumpId,
      hint: 'pg_restore may restore the data of one into the other',
    })
  })
  return places
}

function describe(entry: TocEntry | undefined): string {
  return entry === undefined ? 'none' : nameOf(entry)
}

function checkSections(header: ArchiveHeader, toc: readonly TocEntry[], findings: Findings): void {
  let reached: TocEntry | undefined
  for (const entry of toc) {
    if (isEarlySequenceSet(entry, header)) continue
    const { dumpId, desc, section } = entry
    const must = sections.get(desc)
    if (section === 'unknown') {
      findings.add({
        code: 'UNKNOWN_SECTION',
        severity: 'error',
        message: `Entry ${dumpId}, ${nameOf(entry)}, is in section ${entry.raw.number?.('section') ?? 'unknown'}, must be 1 to 4`,
        dumpId,
      })
    } else if (must !== undefined && section !== must) {
      findings.add({
        code: 'WRONG_SECTION',
        severity: 'error',
        message: `Entry ${dumpId}, ${nameOf(entry)}, is in section ${section}, must be in ${must}`,
        dumpId,
        hint: 'A restore of one section would leave it out, or a restore of all comes to it at the wrong time',
      })
    }
    if (section === 'none' || section === 'unknown') continue
    if (reached !== undefined && sectionOrder[section] < sectionOrder[reached.section]) {
      findings.add({
        code: 'SECTION_OUT_OF_ORDER',
        severity: 'warning',
        message: `Entry ${dumpId}, ${nameOf(entry)}, of section ${section} comes after entry ${reached.dumpId} of section ${reached.section}`,
        dumpId,
        hint: 'pg_dump sorts entries by section: the table of contents was put together anew or changed',
      })
    } else {
      reached = entry
    }
  }
}

function checkDependencies(toc: readonly TocEntry[], ids: ReadonlyMap<DumpId, number>, findings: Findings): void {
  let missing = 0
  let example: { readonly entry: TocEntry; readonly on: DumpId } | undefined
  const edges: (readonly number[])[] = []
  for (const entry of toc) {
    const known: number[] = []
    for (const on of entry.dependencies) {
      const index = ids.get(on)
      if (index === undefined) {
        missing++
        example ??= { entry, on }
      } else {
        known.push(index)
      }
    }
    edges.push(known)
  }
  if (example !== undefined) {
    findings.add({
      code: 'DEPENDENCY_NOT_IN_ARCHIVE',
      severity: 'info',
      message: `${missing} dependencies are on ids that no entry has, as of ${nameOf(example.entry)}, entry ${example.entry.dumpId}, on ${example.on}`,
      dumpId: example.entry.dumpId,
      hint: 'pg_dump writes such ids for what a dump leaves out, so they tell of no damage',
    })
  }
  for (const cycle of cyclesIn(edges)) {
    const named = cycle.slice(0, 5).map((index) => toc[index]?.dumpId)
    const [first] = named
    findings.add({
      code: 'DEPENDENCY_CYCLE',
      severity: 'error',
      message: `${cycle.length} entries depend on each other in a circle: ${named.join(', ')}${cycle.length > 5 ? ', …' : ''}`,
      dumpId: first,
      hint: 'pg_restore -j never finishes such an archive; without -j it is restored in the order of the list',
    })
  }
}

/** The groups of nodes that can be reached from each other (Tarjan's algorithm, without recursion). */
export function cyclesIn(edges: readonly (readonly number[])[]): readonly (readonly number[])[] {
  const cycles: (readonly number[])[] = []
  const order = new Int32Array(edges.length)
  const low = new Int32Array(edges.length)
  const next = new Int32Array(edges.length)
  const onStack = new Uint8Array(edges.length)
  const stack: number[] = []
  let count = 0
  for (let root = 0; root < edges.length; root++) {
    if (order[root] !== 0) continue
    const path = [root]
    while (path.length > 0) {
      const node = path.at(-1) ?? 0
      if (order[node] === 0) {
        order[node] = low[node] = ++count
        onStack[node] = 1
        stack.push(node)
      }
      const to = edges[node]?.[next[node] ?? 0]
      if (to !== undefined) {
        next[node] = (next[node] ?? 0) + 1
        if (order[to] === 0) path.push(to)
        else if (onStack[to] === 1) low[node] = Math.min(low[node] ?? 0, order[to] ?? 0)
        continue
      }
      path.pop()
      const from = path.at(-1)
      if (from !== undefined) low[from] = Math.min(low[from] ?? 0, low[node] ?? 0)
      if (low[node] !== order[node]) continue
      const group: number[] = []
      for (let member = stack.pop(); member !== undefined; member = stack.pop()) {
        onStack[member] = 0
        group.push(member)
        if (member === node) break
      }
      if (group.length > 1 || edges[node]?.includes(node) === true) cycles.push(group.reverse())
    }
  }
  return cycles
}

/** What a terminal or psql would take for something else. */
export function hasControls(text: string): boolean {
  for (let index = 0; index < text.length; index++) {
    const code = text.charCodeAt(index)
    if (code < 0x20 || (code >= 0x7f && code < 0xa0)) return true
  }
  return false
}

function checkTexts(header: ArchiveHeader, toc: readonly TocEntry[], findings: Findings): void {
  const unsafe = (what: string, text: string | null, dumpId?: number): void => {
    if (text === null || !hasControls(text)) return
    findings.add({
      code: 'UNSAFE_TEXT',
      severity: 'error',
      message: `${what} has control characters: ${JSON.stringify(text.slice(0, 80))}`,
      dumpId,
      hint: 'pg_restore prints this as it is: in a script it may become live text, in a terminal a command to it',
    })
  }
  unsafe('The version of the server', header.remoteVersion)
  unsafe('The version of pg_dump', header.dumpVersion)
  for (const entry of toc) {
    unsafe(`The type of entry ${entry.dumpId}`, entry.desc, entry.dumpId)
    const finding = copyFinding(entry)
    if (finding !== undefined) findings.add(finding)
    if (stopsAtOwner(entry)) findings.add(ownerFinding(entry))
    if (lacksOidsFlag(entry)) findings.add(oidsFinding(entry))
  }
}

/** Whether pg_restore 16 and newer stop at an entry, since its type has no owner and it has one. */
export function stopsAtOwner({ desc, raw }: TocEntry): boolean {
  const isSet = (name: 'owner' | 'dropStmt'): boolean => (raw.byteString(name) ?? '') !== ''
  return isSet('owner') && isSet('dropStmt') && refusesOwner(desc)
}

function ownerFinding(entry: TocEntry): Finding {
  const { dumpId } = entry
  return {
    code: 'OWNER_REFUSED',
    severity: 'error',
    message: `Entry ${dumpId}, ${nameOf(entry)}, has an owner, which nothing of its type has`,
    dumpId,
    hint: 'pg_restore 16 and newer stop at it: restore without owners (-O), or leave the entry out with a list',
  }
}

/** Whether the field that says "true" or "false", from 1.9 on, is NULL: pg_restore compares it without looking (ReadToc). */
export function lacksOidsFlag({ raw }: TocEntry): boolean {
  return raw.bytes('withOids') === null
}

function oidsFinding(entry: TocEntry): Finding {
  const { dumpId } = entry
  return {
    code: 'NO_OIDS_FLAG',
    severity: 'error',
    message: `Entry ${dumpId}, ${nameOf(entry)}, does not say whether its table has OIDs`,
    dumpId,
    hint: 'pg_restore crashes when it opens the archive; salvage writes one that it reads',
  }
}

/** A COPY statement that does not tell how to read the rows. */
function copyFinding(entry: TocEntry): Finding | undefined {
  if (entry.desc !== 'TABLE DATA' || entry.copyStmt === null) return undefined
  const { dumpId } = entry
  const text = entry.raw.byteString('copyStmt') ?? ''
  const statement = parseCopyStatement(text)
  if (statement === undefined) {
    return {
      code: 'BAD_COPY_STATEMENT',
      severity: 'error',
      message: `The COPY statement of entry ${dumpId}, ${nameOf(entry)}, is none: ${JSON.stringify(text.slice(0, 80))}`,
      dumpId,
    }
  }
  const { columns = [] } = statement
  const seen = new Set<string>()
  const twice = columns.find((column) => seen.size === seen.add(column).size)
  if (twice === undefined || fieldCount(statement) === undefined) return undefined
  return {
    code: 'BAD_COPY_STATEMENT',
    severity: 'error',
    message: `The COPY statement of entry ${dumpId}, ${nameOf(entry)}, names the column ${JSON.stringify(twice)} twice`,
    dumpId,
  }
}
