import { encodeByteString } from '../bytes/byte-string.ts'
import { endsSession, isServerError } from '../restore/target.ts'
import { ArchiveError, isArchiveError } from '../errors.ts'
import { quoted } from '../restore/questions.ts'
import { conversing } from './conversing-target.ts'
import type { DrillPlace, DrillTarget, WantedDatabase } from './place.ts'

/** A connection to a database of a server: what `connectPg` of `pgdmp/pg` gives. */
export interface DrillConnection extends DrillTarget {
  end(): Promise<void>
}

/** Options of {@link serverPlace}. */
export interface ServerPlaceOptions {
  /** For the report; default `server`. */
  readonly name?: string
  /** Leaves the database and the roles that were made, and tells their names. */
  readonly onKept?: (database: string, roles: readonly string[]) => void
}

const utf8 = new TextEncoder()

/** Milliseconds that a server has to end what it was told to. */
const PATIENCE = 5000

/**
 * A place for `drill` on a server: a database of its own each time, made from template0 with the archive's encoding and
 * locale where the server has them, and dropped at the end. Roles that the archive names and the server does not have
 * are made only with `createRoles`, and dropped, too. The user must be allowed to create databases, and for all
 * that an archive may hold be a superuser.
 *
 * @param connect connects to the database of this name; to any other when the name is undefined
 *
 * @example
 * import { connectPg } from 'pgdmp/pg'
 * const place = serverPlace((database = 'postgres') => connectPg({ host: 'localhost', user: 'postgres', database }))
 */
export function serverPlace(
  connect: (database: string | undefined) => Promise<DrillConnection>,
  options: ServerPlaceOptions = {},
): DrillPlace {
  return {
    name: options.name ?? 'server',
    async open(wanted) {
      let maintenance = await connect(undefined)
      const name = databaseName()
      let target: DrillConnection | undefined
      /** `unknown`: the connection was lost before the server said. */
      let created: 'no' | 'yes' | 'unknown' = 'no'
      const close = async (roles: readonly string[]): Promise<void> => {
        const takeAway = async (): Promise<void> => {
          if (created === 'unknown') await endCreation(maintenance, name).catch(ignore)
          await drop(maintenance, name, roles, connect)
        }
        await target?.end().catch(ignore)
        try {
          if (created === 'no') return
          if (created === 'yes' && options.onKept !== undefined) return options.onKept(name, roles)
          try {
            await takeAway()
          } catch (error) {
            // nothing was said on it for as long as the drill took
            if (!isLost(error)) throw error
            await maintenance.end().catch(ignore)
            maintenance = await connect(undefined).catch(() => Promise.reject(error))
            await takeAway()
          }
        } finally {
          await maintenance.end().catch(ignore)
        }
      }
      try {
        using hearing = conversing(maintenance)
        await hearing.query(utf8.encode("SELECT pg_catalog.set_config('search_path', '', false)"))
        created = 'unknown'
        const differences = await create(hearing, name, wanted).catch((error: unknown) => {
          if (!isArchiveError(error) || error.code !== 'CONNECTION_LOST') created = 'no'
          throw error
        })
        created = 'yes'
        wanted.signal?.throwIfAborted()
        target = await connect(name)
        return { target, ownsServer: false, convertsToUtf8: false, differences, close }
      } catch (error) {
        // what went wrong first is what to tell
        await close([]).catch(ignore)
        throw error
      }
    },
  }
}

function ignore(): void {}

/** One that nobody else has. */
function databaseName(): string {
  const time = new Date().toISOString().replaceAll(/\D/g, '').slice(0, 14)
  const chance = Math.floor(Math.random() * 2 ** 32)
  return `pgdmp_drill_${time}_${chance.toString(16).padStart(8, '0')}`
}

/** Creates the database as the archive has it, or as the server can; gives what is different. */
async function create(
  maintenance: DrillTarget,
  name: string,
  { databaseOptions, encoding }: WantedDatabase,
): Promise<readonly string[]> {
  const begin = `CREATE DATABASE ${quoted(name)} WITH TEMPLATE = template0`
  let refusal = 'the archive does not tell its encoding and locale'
  if (databaseOptions !== '') {
    try {
      await maintenance.query(encodeByteString(`${begin} ${databaseOptions}`))
      return []
    } catch (error) {
      if (!isServerError(error)) throw error
      refusal = error.message
    }
  }
  const stored = /\bENCODING = '([^']*)'/.exec(databaseOptions)?.[1] ?? encoding
  try {
    await maintenance.query(utf8.encode(`${begin} ENCODING = '${stored}' LC_COLLATE = 'C' LC_CTYPE = 'C'`))
  } catch (cause) {
    if (!isServerError(cause)) throw cause
    throw new ArchiveError('UNSUPPORTED', `Cannot create a database to drill in: ${cause.message}`, {
      // insufficient_privilege
      hint: cause.sqlState === '42501' ? 'Connect as a role with CREATEDB' : 'Drill on another server, or into PGlite',
      cause,
    })
  }
  return [`its locale is C: ${refusal}`]
}

/** Whether something was not taken away because the connection is gone. */
function isLost(error: unknown): boolean {
  const cause = error instanceof Error ? error.cause : undefined
  return !isServerError(cause) || endsSession(cause)
}

/** The server may still be at the creation of a database that nobody waits for: waits until it is not. */
async function endCreation(maintenance: DrillConnection, name: string): Promise<void> {
  const creation = `FROM pg_catalog.pg_stat_activity WHERE pid <> pg_catalog.pg_backend_pid() AND state = 'active'
    AND pg_catalog.strpos(query, 'CREATE DATABASE "${name}"') = 1`
  for (const until = performance.now() + PATIENCE; performance.now() < until;) {
    const rows = await maintenance.rows(`SELECT pg_catalog.pg_terminate_backend(pid) ${creation}`)
    if (rows.length === 0) return
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
}

/** Drops all that it can. @throws ArchiveError that names what stays */
async function drop(
  maintenance: DrillConnection,
  name: string,
  roles: readonly string[],
  connect: (database: string | undefined) => Promise<DrillConnection>,
): Promise<void> {
  const stayed: string[] = []
  let cause: unknown
  const attempt = async (what: string, dropIt: () => Promise<void>): Promise<void> => {
    try {
      await dropIt()
    } catch (error) {
      cause ??= error
      stayed.push(`${what} (${error instanceof Error ? error.message : String(error)})`)
    }
  }
  // if they stay, so does the database
  await dropSubscriptions(maintenance, name, connect).catch(ignore)
  await attempt(`database ${quoted(name)}`, () => dropDatabase(maintenance, name))
  for (const role of roles) {
    await attempt(`role ${quoted(role)}`, () => maintenance.query(utf8.encode(`DROP ROLE IF EXISTS ${quoted(role)}`)))
  }
  if (stayed.length === 0) return
  throw new ArchiveError('UNSUPPORTED', `Left on the server: ${stayed.join(', ')}`, { hint: 'Drop it yourself', cause })
}

async function dropDatabase(maintenance: DrillConnection, name: string): Promise<void> {
  const statement = `DROP DATABASE IF EXISTS ${quoted(name)}`
  try {
    await maintenance.query(utf8.encode(`${statement} WITH (FORCE)`))
  } catch (error) {
    // syntax_error: before 13
    if (!isServerError(error) || error.sqlState !== '42601') throw error
    await maintenance.rows(`SELECT pg_catalog.pg_terminate_backend(pid) FROM pg_catalog.pg_stat_activity
      WHERE datname = '${name}'`)
    await maintenance.query(utf8.encode(statement))
  }
}

/** They keep their database from being dropped; the slots that they name are on other servers, and not theirs. */
async function dropSubscriptions(
  maintenance: DrillConnection,
  name: string,
  connect: (database: string | undefined) => Promise<DrillConnection>,
): Promise<void> {
  const rows = await maintenance.rows(`SELECT pg_catalog.quote_ident(s.subname) FROM pg_catalog.pg_subscription s
    JOIN pg_catalog.pg_database d ON d.oid = s.subdbid WHERE d.datname = '${name}'`)
  if (rows.length === 0) return
  const database = await connect(name)
  try {
    for (const [subscription] of rows) {
      await database.query(utf8.encode(`ALTER SUBSCRIPTION ${subscription} DISABLE`))
      await database.query(utf8.encode(`ALTER SUBSCRIPTION ${subscription} SET (slot_name = NONE)`))
      await database.query(utf8.encode(`DROP SUBSCRIPTION ${subscription}`))
    }
  } finally {
    await database.end()
  }
}
