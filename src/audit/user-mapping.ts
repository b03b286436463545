import type { AuditCatalog, DefinitionStatement } from './types.ts'

/**
 * The option of a user mapping that takes a superuser: with it postgres_fdw would connect as the server itself can, or by
 * files of the server (postgres_fdw_validator, option.c). Other wrappers have options of these names for anybody.
 *
 * @param catalog says of which wrapper the server is, if it is in the archive
 */
export function superuserOptionOf(statement: DefinitionStatement, catalog: AuditCatalog): string | undefined {
  if (statement.command !== 'CREATE USER MAPPING' || !mayBeOfPostgres(statement, catalog)) return undefined
  for (let at = 2; at < statement.length; at++) {
    if (statement.depth(at + 1) === 0 || !/^[(,]$/.test(statement.mark(at))) continue
    const option = statement.name(at + 1)
    if (option === 'sslcert' || option === 'sslkey') return option
    // defGetBoolean() takes these
    if (option === 'password_required' && /^'(?:false|off)'$/i.test(statement.source(at + 2, at + 3))) return option
  }
  return undefined
}

function mayBeOfPostgres(mapping: DefinitionStatement, catalog: AuditCatalog): boolean {
  const at = mapping.find('server')
  const server = at === -1 ? undefined : mapping.name(at + 1)
  const known = catalog.ofType('SERVER').find(({ raw }) => raw.byteString('tag') === server)
  if (known === undefined) return true
  return catalog.statements(known).some((statement) => {
    const wrapper = statement.find('wrapper')
    return wrapper !== -1 && statement.name(wrapper + 1) === 'postgres_fdw'
  })
}
