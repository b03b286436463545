import type { TargetProfile } from '../target.ts'
import { readOn, withoutSuperuser, withoutTablespaces } from './superuser-facts.ts'

const users = 'https://docs.cloud.google.com/sql/docs/postgres/users'
const features = 'https://docs.cloud.google.com/sql/docs/postgres/features'

/** Google Cloud SQL for PostgreSQL, restored by a member of cloudsqlsuperuser. */
export const cloudsql: TargetProfile = {
  name: 'cloudsql',
  title: 'Google Cloud SQL for PostgreSQL',
  releases: [13, 14, 15, 16, 17, 18],
  superuser: false,
  facts: [
    // cloudsqlsuperuser makes extensions and event triggers (users), and casts WITHOUT FUNCTION (features)
    ...withoutSuperuser({
      allowed: ['event-trigger', 'untrusted-extension', 'cast-without-function'],
      source: features,
    }),
    {
      id: 'extensions-of-the-service',
      about: { kind: 'extensions' },
      effect: 'differs',
      why: 'the service offers a list of its own',
      fix: 'Compare with pg_available_extensions of the instance',
      lossless: false,
      source: 'https://docs.cloud.google.com/sql/docs/postgres/extensions',
      date: readOn,
      proven: false,
    },
    withoutTablespaces(features),
    {
      id: 'roles-of-the-service',
      about: { kind: 'roles', refused: ['cloudsqladmin', 'cloudsqlagent', 'cloudsqlreplica', 'cloudsqlimportexport'] },
      effect: 'fails',
      why: 'the role belongs to the service, which lets nobody use it',
      fix: 'Give the object to another role (--rename-role) or restore with --no-owner',
      lossless: false,
      source: users,
      date: readOn,
      proven: false,
    },
  ],
}
