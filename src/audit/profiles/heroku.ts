import type { TargetProfile } from '../target.ts'
import { readOn, withoutSuperuser, withoutTablespaces } from './superuser-facts.ts'

const extensions = 'https://devcenter.heroku.com/articles/heroku-postgres-extensions-postgis-full-text-search'

/** Heroku Postgres. */
export const heroku: TargetProfile = {
  name: 'heroku',
  title: 'Heroku Postgres',
  releases: [14, 15, 16, 17],
  superuser: false,
  facts: [
    // extwlist creates what is on its list, trusted or not
    ...withoutSuperuser({ allowed: ['untrusted-extension'] }),
    {
      id: 'extensions-by-list',
      about: { kind: 'extensions' },
      effect: 'differs',
      why: 'extensions can be created only from the list of the service',
      fix: 'Compare with SHOW extwlist.extensions of the database',
      lossless: false,
      source: extensions,
      date: readOn,
      proven: false,
    },
    withoutTablespaces('https://devcenter.heroku.com/articles/heroku-postgresql'),
  ],
}
