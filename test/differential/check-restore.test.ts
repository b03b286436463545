import { createHash } from 'node:crypto'
import { expect, test } from 'vitest'
import { checkTarget, createRoles, filter, open, restore, rewriteDatabaseName } from '../../src/index.ts'
import type { CheckKind, FilteredView, RestoreFailure, RestoreOptions, Selection } from '../../src/index.ts'
import { connectPg, type PgTarget } from '../../src/restore/pg.ts'
import { allArchives, fixture } from '../helpers/corpus.ts'
import { inNewDatabase, ownServers, withoutServers, type Server } from '../helpers/servers.ts'

/*
 * A check says what of a restore will fail; then the restore is run. Everything that fails because of a role, an object
 * that is there, an extension, a tablespace, a language or a privilege must have been told of its entry, and every entry
 * of which something was told must fail.
 *
 * Besides, one archive is restored that PGDMP_CHECK_SEED chooses; with PGDMP_CHECK_ARCHIVES=all, all are, and everything
 * on every server.
 */

const servers = ownServers()
const timeout = 240_000
const wantsAll = process.env['PGDMP_CHECK_ARCHIVES'] === 'all'
const seed = process.env['PGDMP_CHECK_SEED'] ?? '1'

/** What a restore is like. */
interface Case {
  readonly selection?: Selection
  readonly options?: RestoreOptions
  /** Restored once before: everything is there. */
  readonly twice?: true
  /** By a role that is no superuser, and owns the database or not. */
  readonly as?: 'owner' | 'guest'
}

const cases: Readonly<Record<string, Case>> = {
  'into an empty database': {},
  'into one that is full': { twice: true },
  'into one that is full, with --clean': { twice: true, options: { clean: true, ifExists: true } },
  'by the owner of the database, without owners': {
    as: 'owner',
    options: { noOwner: true },
    selection: { noPrivileges: true },
  },
  'by the owner of the database': { as: 'owner' },
  'by a guest, without owners': { as: 'guest', options: { noOwner: true }, selection: { noPrivileges: true } },
}

if (servers.length === 0) test('a check tells what a restore will come across', ({ skip }) => skip(withoutServers))

/** Connects with what `psql -d` would take. */
async function connect(server: Server, database: string, user?: string): Promise<PgTarget> {
  const pairs = [...server.database(database).matchAll(/(\w+)=(?:'([^']*)'|(\S+))/g)]
  const of = Object.fromEntries(pairs.map(([, key = '', quoted, plain]) => [key, quoted ?? plain]))
  const login = user === undefined ? { user: of['user'], password: of['password'] } : { user, password: 'of-a-test' }
  return await connectPg({ host: of['host'], port: Number(of['port']), database, ...login })
}

/** The kind of finding that must tell of a failure; undefined for what is none of its business. */
function kindOf({ error, statement = '' }: RestoreFailure): CheckKind | undefined {
  const { sqlState, message } = error
  if (sqlState === '42501') return 'privileges'
  if (sqlState === '42P07' || sqlState === '42710' || sqlState === '42P06' || sqlState === '42723')
    return 'objects-there'
  if (message.startsWith('multiple primary keys')) return 'objects-there'
  if (/^role .* does not exist/.test(message)) return 'roles'
  if (/^language .* does not exist/.test(message)) return 'languages'
  if (/tablespace/i.test(message) && /default_tablespace/.test(`${message}${statement}`)) return 'tablespaces'
  if (/^extension .* is not available|extension control file/.test(message)) return 'extensions'
  return undefined
}

/** Whether an entry needs one that the check told of: what fails with it is not followed. */
function hangsOn(view: FilteredView, dumpId: number, told: ReadonlySet<number>, seen = new Set<number>()): boolean {
  if (seen.has(dumpId)) return false
  seen.add(dumpId)
  const needs = view.entry(dumpId)?.dependencies ?? []
  return needs.some((id) => told.has(id) || hangsOn(view, id, told, seen))
}

/** Entries that failed and were not told of, and that were told of and did not fail. */
async function compare(target: PgTarget, view: FilteredView, options: RestoreOptions): Promise<readonly string[]> {
  const { findings, good } = await checkTarget(view, target, options)
  const { failures } = await restore(view, target, options)
  const told = new Map<CheckKind, Set<number>>()
  for (const { kind, severity, dumpIds } of findings) {
    if (severity !== 'error') continue
    const ids = told.get(kind) ?? new Set()
    for (const id of dumpIds) ids.add(id)
    told.set(kind, ids)
  }
  const all = new Set(findings.flatMap(({ severity, dumpIds }) => (severity === 'error' ? dumpIds : [])))
  const failed = new Set(failures.map(({ entry }) => entry?.dumpId))
  const show = (id: number): string => {
    const entry = view.entry(id)
    return `${id} ${entry?.desc} ${entry?.namespace ?? ''}.${entry?.tag}`
  }
  const untold = failures.flatMap((failure) => {
    const { entry, error } = failure
    const kind = kindOf(failure)
    if (entry === undefined || kind === undefined || told.get(kind)?.has(entry.dumpId) === true) return []
    // a subscription is not dropped where the server that it names cannot be reached, and so is there
    if (entry.desc === 'SUBSCRIPTION' && options.clean === true) return []
    return hangsOn(view, entry.dumpId, all) ? [] : [`not told: ${show(entry.dumpId)}: ${error.message}`]
  })
  const wrong = [...told].flatMap(([kind, ids]) =>
    [...ids].filter((id) => !failed.has(id)).map((id) => `told in vain (${kind}): ${show(id)}`),
  )
  expect(good).toBe(!findings.some(({ severity }) => severity === 'error'))
  return [...untold, ...wrong]
}

async function run(server: Server, file: string, { selection = {}, options = {}, twice, as }: Case): Promise<void> {
  const compat = options.compat ?? server.version
  await inNewDatabase(server, async (name) => {
    const user = as === undefined ? undefined : `check_${name}`
    if (user !== undefined) server.ask([`CREATE ROLE ${user} LOGIN PASSWORD 'of-a-test'`])
    if (as === 'owner') server.ask([`ALTER DATABASE ${name} OWNER TO ${user}`])
    const target = await connect(server, name, user)
    try {
      await using archive = await open(file)
      const view = filter(archive, selection, { compat })
      if (twice === true) await restore(view, target, { ...options, clean: false, ifExists: false, compat })
      expect(await compare(target, view, { ...options, compat })).toEqual([])
    } finally {
      await target.end()
      if (user !== undefined) {
        server.ask([`REASSIGN OWNED BY ${user} TO postgres; DROP OWNED BY ${user}`], name)
        server.ask([`ALTER DATABASE ${name} OWNER TO postgres`, `DROP ROLE ${user}`])
      }
    }
  })
}

const placeOf = (path: string): string => createHash('sha256').update(`${seed} ${path}`).digest('hex')

/** Archives for servers of their release, in an order that the seed decides. */
const archives = allArchives()
  .flatMap(({ path, file }) => {
    const server = servers.find(({ major }) => path.startsWith(`${major}/`))
    return server === undefined ? [] : [{ path, file, server }]
  })
  .sort((a, b) => (placeOf(a.path) < placeOf(b.path) ? -1 : 1))

for (const [place, server] of servers.entries()) {
  // each server has its turn at some of them; together they have all
  const names = Object.keys(cases).filter((_, at) => wantsAll || at % servers.length === place)
  test.each(names)(
    `${server.major}: %s`,
    async (name) => {
      await run(server, fixture(`${server.major}/full-Fc.dump`).file, cases[name] ?? {})
    },
    timeout,
  )
}

test.each((wantsAll ? archives : archives.slice(0, 1)).map(({ path, file, server }) => [path, file, server] as const))(
  '%s',
  async (_, file, server) => run(server, file, {}),
  timeout,
)

const [oldest] = servers
const newest = servers.at(-1)

test.skipIf(oldest === newest)(
  'an archive of the newest release, into the oldest server',
  async () => {
    if (oldest === undefined) return
    await run(oldest, fixture('18/full-Fc.dump').file, { options: { compat: '18' } })
  },
  timeout,
)

test.skipIf(newest === undefined)('the database itself, and its encoding', async () => {
  if (newest === undefined) return
  await inNewDatabase(
    newest,
    async (name) => {
      const target = await connect(newest, name)
      try {
        await using archive = await open(fixture('18/latin1-utf8-Fc.dump').file)
        const told = async (selection: Selection, options: RestoreOptions = {}): Promise<readonly string[]> => {
          const view = rewriteDatabaseName(filter(archive, selection), name)
          const { findings } = await checkTarget(view, target, { noOwner: true, ...options })
          return findings.map(({ kind, severity }) => `${severity} ${kind}`)
        }
        expect(await told({ noPrivileges: true })).toEqual(['warning encoding'])
        // into another database, which is in UTF8
        expect(await told({ noPrivileges: true, create: true })).toEqual(['error database'])
        const clean = await told({ noPrivileges: true, create: true }, { clean: true })
        expect(clean).toEqual(['error database', 'error database'])
      } finally {
        await target.end()
      }
    },
    'LATIN1',
  )
})

test.skipIf(newest === undefined)(
  'rows, with triggers that are switched by a superuser whom there is not',
  async () => {
    if (newest === undefined) return
    await inNewDatabase(newest, async (name) => {
      const target = await connect(newest, name)
      try {
        await using archive = await open(fixture(`${newest.major}/full-Fc.dump`).file)
        const compat = newest.version
        await restore(filter(archive, { schemaOnly: true }, { compat }), target, { compat, noOwner: true })
        const rows = filter(archive, { dataOnly: true, noPrivileges: true }, { compat })
        const options = { disableTriggers: true, noOwner: true, compat }
        const { findings } = await checkTarget(rows, target, options)
        expect(findings.filter(({ severity }) => severity === 'error')).toEqual([])
        expect(await compare(target, rows, { ...options, superuser: 'nobody' })).toEqual([])
      } finally {
        await target.end()
      }
    })
  },
  timeout,
)

test.each(
  [...new Set([oldest, newest])].flatMap((server) => (server === undefined ? [] : ([[server.major, server]] as const))),
)('roles are created in the role of the restore where who connected may not: %i', async (major, server) => {
  await inNewDatabase(server, async (name) => {
    const [user, maker] = [`check_${name}`, `maker_${name}`]
    server.ask([`CREATE ROLE ${maker} CREATEROLE`, `CREATE ROLE ${user} LOGIN PASSWORD 'of-a-test' IN ROLE ${maker}`])
    const target = await connect(server, name, user)
    let made: readonly string[] = []
    try {
      await using archive = await open(fixture(`${major}/full-Fc.dump`).file)
      await expect(createRoles(archive, target)).rejects.toMatchObject({ code: 'USAGE' })
      const { created } = await createRoles(archive, target, { role: maker })
      made = created
      expect(created).toContain('alice')
      expect(await createRoles(archive, target, { role: maker })).toEqual({ created: [] })
      // and the session is again who connected
      expect(await target.rows('SELECT current_user')).toEqual([[user]])
    } finally {
      await target.end()
      server.ask([...made, user, maker].map((role) => `DROP ROLE "${role.replaceAll('"', '""')}"`))
    }
  })
})
