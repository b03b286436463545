import type { TargetFact, TargetProfile } from '../target.ts'
import { readOn, withoutSuperuser } from './superuser-facts.ts'

const guide = 'https://docs.aws.amazon.com/AmazonRDS/latest/'
const superuserPage = `${guide}UserGuide/Appendix.PostgreSQL.CommonDBATasks.Roles.rds_superuser.html`
const auroraSuperuserPage = `${guide}AuroraUserGuide/Appendix.PostgreSQL.CommonDBATasks.Roles.rds_superuser.html`

const reservedRoles = (source: string): TargetFact => ({
  id: 'roles-of-the-service',
  about: { kind: 'roles', refused: ['rdsadmin', 'rdsrepladmin', 'rdstopmgr', 'rdswriteforwarduser'] },
  effect: 'fails',
  why: 'the role belongs to the service, which lets nobody use it',
  fix: 'Give the object to another role (--rename-role) or restore with --no-owner',
  lossless: false,
  source,
  date: readOn,
  proven: false,
})

const tablespaces: TargetFact = {
  id: 'tablespaces-are-directories',
  about: { kind: 'tablespaces' },
  effect: 'differs',
  why: 'tablespaces lie on the one volume of the instance, and must be made there first',
  fix: 'Restore with --no-tablespaces: everything then lies in the tablespace of the database',
  lossless: true,
  source: `${guide}UserGuide/PostgreSQL.Concepts.General.FeatureSupport.Tablespaces.html`,
  date: readOn,
  proven: false,
}

/** rds_superuser adds the extensions that the service offers, trusted or not; the list is a parameter of the instance. */
const extensions = (source: string): TargetFact => ({
  id: 'extensions-by-parameter',
  about: { kind: 'extensions' },
  effect: 'differs',
  why: 'the service offers a list of its own for each minor release',
  fix: 'Compare with SHOW rds.extensions of the instance',
  lossless: false,
  source,
  date: readOn,
  proven: false,
})

/** Amazon RDS for PostgreSQL, restored by its main user. */
export const rds: TargetProfile = {
  name: 'rds',
  title: 'Amazon RDS for PostgreSQL',
  releases: [13, 14, 15, 16, 17],
  superuser: false,
  facts: [
    // event triggers: PostgreSQL.Concepts.General.FeatureSupport.EventTriggers.html
    ...withoutSuperuser({ allowed: ['event-trigger', 'untrusted-extension'], source: superuserPage }),
    extensions(`${guide}UserGuide/PostgreSQL.Concepts.General.FeatureSupport.Extensions.html`),
    tablespaces,
    reservedRoles(superuserPage),
  ],
}

/** Amazon Aurora PostgreSQL, restored by its main user. */
export const aurora: TargetProfile = {
  name: 'aurora',
  title: 'Amazon Aurora PostgreSQL',
  releases: [13, 14, 15, 16, 17],
  superuser: false,
  facts: [
    ...withoutSuperuser({ allowed: ['event-trigger', 'untrusted-extension'], source: auroraSuperuserPage }),
    extensions(auroraSuperuserPage),
    tablespaces,
    reservedRoles(auroraSuperuserPage),
  ],
}
