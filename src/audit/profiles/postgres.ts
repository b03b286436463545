import type { TargetFact, TargetProfile } from '../target.ts'
import { readOn, withoutSuperuser } from './superuser-facts.ts'

/** Releases whose servers were asked: restored into, as superuser and as owner of the database. */
const proven: ReadonlySet<number> = new Set([13, 15, 17, 18])

/** Releases with a profile. */
export const serverReleases: readonly number[] = [13, 14, 15, 16, 17, 18]

/** Extensions that came with PostgreSQL and were removed, by the first release without them. */
const removed: readonly { readonly since: number; readonly names: readonly string[]; readonly source: string }[] = [
  { since: 10, names: ['tsearch2'], source: 'https://www.postgresql.org/docs/release/10.0/' },
  { since: 11, names: ['chkpass'], source: 'https://www.postgresql.org/docs/release/11.0/' },
  { since: 12, names: ['timetravel'], source: 'https://www.postgresql.org/docs/release/12.0/' },
  {
    since: 15,
    names: ['plpython2u', 'plpythonu', 'hstore_plpython2u', 'jsonb_plpython2u', 'ltree_plpython2u'],
    source: 'https://www.postgresql.org/docs/release/15.0/',
  },
  { since: 17, names: ['adminpack', 'old_snapshot'], source: 'https://www.postgresql.org/docs/release/17.0/' },
]

/** A server of one release, restored into by a superuser. */
export function serverProfile(release: number): TargetProfile {
  return {
    name: `postgres:${release}`,
    title: `PostgreSQL ${release}, restored by a superuser`,
    releases: [release],
    superuser: true,
    facts: removedFrom(release),
  }
}

/** A server of one release, restored into by a role that owns the database and is no superuser. */
export function ownerProfile(release: number): TargetProfile {
  return {
    name: `postgres:${release}:owner`,
    title: `PostgreSQL ${release}, restored by the owner of the database`,
    releases: [release],
    superuser: false,
    facts: [...withoutSuperuser({ proven: proven.has(release) }), ...removedFrom(release)],
  }
}

function removedFrom(release: number): readonly TargetFact[] {
  return removed
    .filter(({ since }) => since <= release)
    .map(({ since, names, source }) => ({
      id: `extensions-removed-in-${since}`,
      about: { kind: 'extensions', refused: names },
      effect: 'fails',
      why: `PostgreSQL ${since} removed it`,
      fix: 'Leave the extension out, and do without what uses it',
      lossless: false,
      source,
      date: readOn,
      proven: proven.has(release),
    }))
}
