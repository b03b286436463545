import { closest } from '../closest.ts'
import { ArchiveError } from '../errors.ts'
import { aurora, rds } from './profiles/amazon.ts'
import { azure } from './profiles/azure.ts'
import { cloudsql } from './profiles/cloudsql.ts'
import { heroku } from './profiles/heroku.ts'
import { neon } from './profiles/neon.ts'
import { pglite } from './profiles/pglite.ts'
import { ownerProfile, serverProfile, serverReleases } from './profiles/postgres.ts'
import { supabase } from './profiles/supabase.ts'
import type { TargetProfile } from './target.ts'

/** Every target that is known, in the order in which they are listed. */
export const targetProfiles: readonly TargetProfile[] = [
  rds,
  aurora,
  cloudsql,
  azure,
  supabase,
  neon,
  heroku,
  ...serverReleases.flatMap((release) => [serverProfile(release), ownerProfile(release)]),
  pglite,
]

/**
 * The profile of a name: `'supabase'`, `'postgres:17'` (restored by a superuser), `'postgres:17:owner'` (by the owner
 * of the database).
 * @throws ArchiveError USAGE for a name that is not known
 */
export function targetProfile(name: string): TargetProfile {
  const profile = targetProfiles.find((known) => known.name === name)
  if (profile !== undefined) return profile
  const names = targetProfiles.map((known) => known.name)
  const near = closest(name, names)
  throw new ArchiveError('USAGE', `There is no target ${JSON.stringify(name)}`, {
    hint:
      near === undefined
        ? `Use ${names.filter((one) => !one.endsWith(':owner')).join(', ')}`
        : `Did you mean "${near}"?`,
  })
}
