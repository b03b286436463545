import { dataDescs, descOf, remarkDescs } from '../../ops/ties.ts'
import type { DumpId, TocEntry } from '../../toc/types.ts'
import { featuresOf, isOlder, newestReadBy } from '../../toc/version.ts'
import type { ArchiveView } from '../../view.ts'
import { serverReleases } from '../profiles/postgres.ts'
import { surveyOf } from '../survey.ts'
import type { AuditCatalog, AuditRule } from '../types.ts'

/** Locks that a transaction may hold with the settings of a new server: max_locks_per_transaction × max_connections. */
const locksByDefault = 64 * 100

const restorePage = 'https://www.postgresql.org/docs/current/app-pgrestore.html'

/** Relations and large objects: what a restore in one transaction holds a lock on until its end. */
const lockedTypes: ReadonlySet<string> = new Set([
  'BLOB',
  'FOREIGN TABLE',
  'INDEX',
  'CONSTRAINT',
  'MATERIALIZED VIEW',
  'SEQUENCE',
  'TABLE',
  'VIEW',
])

/** Rules about whether an archive is complete and in order. */
export const wholenessRules: readonly AuditRule[] = [
  {
    id: 'dependency-missing',
    severity: 'warning',
    category: 'restorability',
    message: 'An object needs something that the archive does not have',
    explanation:
      'pg_dump writes dependencies of definitions on what it dumps, so one without what it names has lost it: by a ' +
      'selection, by hand or by damage. Restored alone, its statement may fail.',
    fix: 'Restore into a database that has what is missing, or dump it too.',
    links: [restorePage],
    check({ view, catalog, report }) {
      for (const [entry, missing] of brokenLinks(view, catalog).missing) {
        if (standsAlone(descOf(entry)) || missing.size <= builtInFunctions(entry)) continue
        const ids = [...missing].slice(0, 5).join(', ')
        const more = missing.size > 5 ? ', …' : ''
        report({
          entry,
          message: `${entry.desc} ${catalog.label(entry)} needs ${missing.size === 1 ? 'an entry that is' : `${missing.size} entries that are`} not in the archive: ${ids}${more}`,
        })
      }
    },
  },
  {
    id: 'dependency-order',
    severity: 'warning',
    category: 'restorability',
    message: 'An object comes before something that it needs',
    explanation:
      'pg_restore without --jobs runs the entries in their order; with --jobs it waits for what an entry needs. An ' +
      'archive put into another order by hand restores in the one way and not in the other, and not with ' +
      '--single-transaction.',
    fix: 'Restore by a list in the right order (pg_restore -L), or with --jobs.',
    links: [restorePage],
    check({ view, catalog, report }) {
      for (const [entry, later] of brokenLinks(view, catalog).later) {
        for (const needed of later) {
          if (isLoose(entry, needed)) continue
          report({
            entry,
            object: `${catalog.label(entry)} ${catalog.label(needed)}`,
            message: `${entry.desc} ${catalog.label(entry)} comes before ${needed.desc} ${catalog.label(needed)}, which it needs`,
          })
        }
      }
    },
  },
  {
    id: 'data-missing',
    severity: 'error',
    category: 'restorability',
    message: 'The archive says that an entry has no data where it should',
    explanation:
      'An entry with a COPY statement whose data were never written: pg_dump was stopped, or the archive was cut.',
    fix: 'Run pgdmp verify on the archive, and take another backup.',
    links: [restorePage],
    check({ catalog, report }) {
      for (const entry of surveyOf(catalog.entries).withoutData) {
        report({ entry, message: `${entry.desc} ${catalog.label(entry)} has no data in the archive` })
      }
    },
  },
  {
    id: 'table-without-data',
    severity: 'notice',
    category: 'restorability',
    message: 'A table comes without its rows, while others have theirs',
    explanation: 'The dump was made with --exclude-table-data or a filter. The table will be there, and empty.',
    fix: 'Make sure that the rows are not missed, or dump them too.',
    links: ['https://www.postgresql.org/docs/current/app-pgdump.html'],
    check({ catalog, report }) {
      if (catalog.ofType('TABLE DATA').length === 0) return
      const viaRoot = new Set(catalog.ofType('TABLE DATA').flatMap(({ dependencies }) => dependencies))
      for (const { entry, data, partitioned, foreign, unlogged, schema, name } of catalog.tables) {
        if (data !== undefined || partitioned || foreign || unlogged || viaRoot.has(entry.dumpId)) continue
        report({ entry, message: `${catalog.quote(schema, name)} comes without rows` })
      }
    },
  },
  {
    id: 'pg-restore-version',
    severity: 'info',
    category: 'restorability',
    message: 'Only newer releases of pg_restore read the archive',
    explanation: 'pg_dump writes the newest version of the format that it knows, which older releases refuse.',
    fix: 'Use a pg_restore of that release or newer, or convert with --archive-version or --target-version.',
    links: [restorePage],
    check({ view, report }) {
      const { version, compression } = view.header
      const reader = serverReleases.find((release) => !isOlder(newestReadBy(release), version))
      if (reader === undefined || reader === serverReleases[0]) return
      report({
        message: `Reading the archive takes pg_restore ${reader} or newer (version ${version.major}.${version.minor}, compression ${compression.algorithm})`,
      })
    },
  },
  {
    id: 'jobs-not-possible',
    severity: 'info',
    category: 'restorability',
    message: 'Parallel restore (pg_restore --jobs) does not work with the archive, or not well',
    explanation:
      'Parallel workers need to go straight to the data of a table. A tar archive does not allow it, and a custom ' +
      'archive that was written into a pipe does not say where the data lie. Archives of releases before 8.0 do not ' +
      'say what depends on what, and pg_restore refuses to read them in parallel.',
    fix: 'Convert it: pgdmp convert -F d, or pgdmp convert --reindex for the offsets.',
    links: [restorePage],
    check({ view, catalog, report }) {
      if (view.header.format === 'tar') report({ message: 'pg_restore --jobs does not take tar archives' })
      else if (!featuresOf(view.header.version).tableoid) {
        report({
          message: 'pg_restore --jobs does not take archives of pg_dump before 8.0',
          fix: 'Restore without --jobs.',
        })
        return
      }
      const without = surveyOf(catalog.entries).withoutPlace
      if (without > 1 && view.header.format === 'custom') {
        report({
          message: `The archive does not say where the data of ${without} entries lie: pg_restore --jobs must look for them`,
        })
      }
    },
  },
  {
    id: 'single-transaction-locks',
    severity: 'notice',
    category: 'restorability',
    message: 'A restore in one transaction needs more locks than a server has by default',
    explanation:
      'With --single-transaction each relation and large object that is created stays locked until the end, and the ' +
      'server keeps max_locks_per_transaction × max_connections locks in all.',
    fix: 'Raise max_locks_per_transaction, or restore with --transaction-size (from 17 on) instead.',
    links: ['https://www.postgresql.org/docs/current/runtime-config-locks.html'],
    check({ catalog, report }) {
      let locks = 0
      for (const type of lockedTypes) locks += catalog.ofType(type).length
      for (const { raw } of catalog.ofType('BLOB METADATA')) locks += lines(raw.byteString('defn') ?? '')
      if (locks <= locksByDefault) return
      report({
        message: `pg_restore --single-transaction holds about ${locks} locks; a server has ${locksByDefault} by default`,
      })
    },
  },
]

interface BrokenLinks {
  /** What an entry needs and the archive does not have. */
  readonly missing: ReadonlyMap<TocEntry, ReadonlySet<DumpId>>
  /** What an entry needs and comes after it. */
  readonly later: ReadonlyMap<TocEntry, ReadonlySet<TocEntry>>
}

const linksOf = new WeakMap<AuditCatalog, BrokenLinks>()

/** Dependencies that lead nowhere or ahead, found once for the rules that ask. */
function brokenLinks({ header }: ArchiveView, catalog: AuditCatalog): BrokenLinks {
  const known = linksOf.get(catalog)
  if (known !== undefined) return known
  // before 1.8 they are OIDs of whatever there was in the database, not entries
  const entries = featuresOf(header.version).tableoid ? catalog.entries : []
  const places = placesOf(entries)
  const missing = new Map<TocEntry, Set<DumpId>>()
  const later = new Map<TocEntry, Set<TocEntry>>()
  for (let place = 0; place < entries.length; place++) {
    const entry = entries[place]
    for (const id of entry?.dependencies ?? []) {
      const other = places(id)
      // so it is with nearly all, of which there may be many: no object for any of them
      if (entry === undefined || (other !== undefined && other <= place)) continue
      const needed = other === undefined ? undefined : entries[other]
      if (needed === undefined) addTo(missing, entry, id)
      else addTo(later, entry, needed)
    }
  }
  const links = { missing, later }
  linksOf.set(catalog, links)
  return links
}

/** Where the entry of an id is; of several with one id the last counts, as for catalog.entry. */
function placesOf(entries: readonly TocEntry[]): (id: DumpId) => number | undefined {
  let highest = 0
  for (const { dumpId } of entries) highest = Math.max(highest, dumpId)
  // pg_dump numbers what it finds, of which it leaves some out: a table of numbers takes a tenth of the time of a map
  if (highest > entries.length * 8 + 1024) {
    const places = new Map<DumpId, number>()
    for (let place = 0; place < entries.length; place++) places.set(entries[place]?.dumpId ?? 0, place)
    return (id) => places.get(id)
  }
  const places = new Int32Array(highest + 1)
  for (let place = 0; place < entries.length; place++) places[entries[place]?.dumpId ?? 0] = place + 1
  return (id) => {
    const place = places[id]
    return place === undefined || place === 0 ? undefined : place - 1
  }
}

function addTo<T>(sets: Map<TocEntry, Set<T>>, entry: TocEntry, item: T): void {
  const known = sets.get(entry)
  if (known === undefined) sets.set(entry, new Set([item]))
  else known.add(item)
}

/** Data and remarks depend on what pg_dump leaves out too: on the schema public, on tables of a dump of data alone. */
function standsAlone(desc: string): boolean {
  return dataDescs.has(desc) || remarkDescs.has(desc) || desc === 'STATISTICS DATA' || desc.startsWith('BLOB')
}

/** pg_dump notes what a cast or transform needs of the server's own functions, which it does not dump. */
function builtInFunctions({ desc, raw }: TocEntry): number {
  if (desc !== 'CAST' && desc !== 'TRANSFORM') return 0
  return [...(raw.byteString('defn') ?? '').matchAll(/ WITH FUNCTION pg_catalog\./g)].length
}

function lines(text: string): number {
  let count = 0
  for (let at = text.indexOf('\n'); at !== -1; at = text.indexOf('\n', at + 1)) count++
  return count
}

/** What is ordered otherwise by pg_restore itself, or does without. */
function isLoose(entry: TocEntry, needed: TocEntry): boolean {
  if (remarkDescs.has(descOf(entry)) || remarkDescs.has(descOf(needed))) return true
  return dataDescs.has(descOf(entry)) && dataDescs.has(descOf(needed))
}
