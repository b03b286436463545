import { aBoolean, checkOptions } from '../check-options.ts'
import type { ArchiveView } from '../view.ts'
import { Catalog } from './catalog.ts'
import { scriptText } from './script-text.ts'
import { mustBeMade, usesOfRole } from './rules/restorability-needs.ts'

/** Options of {@link rolesSql}. */
export interface RolesSqlOptions {
  /**
   * The restoring role is no superuser: it must be a member of the roles that it gives objects to, so the script makes
   * it one of those that it creates.
   */
  readonly memberships?: boolean
}

/**
 * A script that creates the roles an archive needs, where they are not there: the archive knows their names only, so
 * they cannot log in and have no rights but those that the restore grants.
 *
 * @example
 * process.stdout.write(rolesSql(archive)) // psql -f - postgres
 */
export function rolesSql(view: ArchiveView, options: RolesSqlOptions = {}): string {
  checkOptions('rolesSql', options, { memberships: aBoolean })
  const catalog = new Catalog(view)
  catalog.read()
  const roles = catalog.roles.filter(mustBeMade)
  const parts = [
    `-- Roles that the archive names: ${roles.length}. Their passwords, memberships and attributes are not in it.`,
    "SET client_encoding = 'UTF8';",
    'SET standard_conforming_strings = on;',
  ]
  for (const role of roles) {
    const name = catalog.quote(role.name)
    const gives = role.uses.some(({ as }) => as === 'owner' || as === 'defaults')
    const isMember = options.memberships === true && gives
    parts.push('', `-- ${usesOfRole(role)}`, createUnlessThere(role.name, name, isMember))
  }
  return `${parts.join('\n')}\n`
}

const literal = (text: string): string => `'${text.replaceAll("'", "''")}'`

/** A role that was there is left alone: whether its membership may be granted is for others to say. */
function createUnlessThere(role: string, quoted: string, isMember: boolean): string {
  const there = `SELECT FROM pg_catalog.pg_roles WHERE rolname = ${literal(role)}`
  const grant = isMember ? ` GRANT ${quoted} TO CURRENT_USER;` : ''
  return doBlock(scriptText(`BEGIN IF NOT EXISTS (${there}) THEN CREATE ROLE ${quoted};${grant} END IF; END`))
}

/** The text between dollar quotes that it does not contain. */
function doBlock(text: string): string {
  let tag = '$roles$'
  for (let count = 1; text.includes(tag); count++) tag = `$roles${count}$`
  return `DO ${tag}${text}${tag};`
}
