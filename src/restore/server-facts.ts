import { literal, textArray, type Ask } from './questions.ts'

/** A role of the server, as the one that restores sees it. */
export interface RoleFacts {
  readonly superuser: boolean
  /** Has the rights of that role (pg_has_role USAGE). */
  readonly usage: boolean
  /** May give objects to it: a member, from 16 on one that may SET ROLE. */
  readonly canSet: boolean
}

/** An extension that the server has files of, or that is installed in the database. */
export interface ExtensionFacts {
  readonly available: boolean
  readonly installed: boolean
  /** Of one that is installed: whether the role owns it. */
  readonly owned: boolean
  /** Only a superuser can create it; `trusted`: but for those who may create in the database. */
  readonly superuser: boolean
  readonly trusted: boolean
  /** Extensions that must be there before. */
  readonly requires: readonly string[]
}

/** A schema of the database. */
export interface SchemaFacts {
  readonly owned: boolean
  /** Roles that may create in it, as far as asked: the one that restores, and owners that the archive names. */
  readonly creators: ReadonlySet<string>
}

/** What a check knows of the server and the database. */
export interface ServerFacts {
  /** `17.11` */
  readonly version: string
  readonly major: number
  readonly database: string
  readonly encoding: string
  /** The role that restores: after SET ROLE, where that was asked for. */
  readonly user: string
  readonly superuser: boolean
  readonly createRole: boolean
  readonly createDatabase: boolean
  /** May create schemas in the database; owns it. */
  readonly createInDatabase: boolean
  readonly ownsDatabase: boolean
  /** Of the roles that the archive gives objects to those who may create in the database. */
  readonly databaseCreators: ReadonlySet<string>
  readonly tablespace: string
  readonly standby: boolean
  /** Transactions are read-only, by a setting or because it is a standby. */
  readonly readOnly: boolean
  /** Has collations of ICU. */
  readonly icu: boolean
  /** Encodings that the server can convert to the one of the database. */
  readonly convertible: ReadonlySet<string>
  readonly roles: ReadonlyMap<string, RoleFacts>
  /** Pairs of roles that the archive names, as `a\0b`: a has the rights of b. */
  readonly members: ReadonlySet<string>
  /** Names, and whether the role may create there. */
  readonly tablespaces: ReadonlyMap<string, boolean>
  readonly extensions: ReadonlyMap<string, ExtensionFacts>
  /** Names, and whether the role may use the language. */
  readonly languages: ReadonlyMap<string, boolean>
  readonly accessMethods: ReadonlySet<string>
  readonly settings: ReadonlySet<string>
  readonly schemas: ReadonlyMap<string, SchemaFacts>
  readonly databases: ReadonlySet<string>
  /** Those that act upon definitions. */
  readonly eventTriggers: readonly string[]
}

const yes = (value: string | null | undefined): boolean => value === 't'

/**
 * Asks the server what any check needs: a dozen questions, whatever the size of the archive.
 * @param owners roles that the archive gives objects to
 * @param schemas schemas that the archive names
 */
export async function readServerFacts(
  ask: Ask,
  owners: ReadonlySet<string>,
  schemas: ReadonlySet<string>,
): Promise<ServerFacts> {
  const [session = []] = await ask(`SELECT current_setting('server_version'), current_setting('server_version_num'),
    current_database(), pg_encoding_to_char(d.encoding), r.rolname, r.rolsuper, r.rolcreaterole, r.rolcreatedb,
    has_database_privilege(d.oid, 'CREATE'), pg_has_role(d.datdba, 'USAGE'), t.spcname,
    pg_is_in_recovery() OR current_setting('default_transaction_read_only')::bool,
    EXISTS (SELECT FROM pg_catalog.pg_collation WHERE collprovider = 'i' AND oid < 16384), pg_is_in_recovery()
    FROM pg_catalog.pg_database d JOIN pg_catalog.pg_roles r ON r.rolname = current_user
    JOIN pg_catalog.pg_tablespace t ON t.oid = d.dattablespace WHERE d.datname = current_database()`)
  const [version = '', number = '0', database = '', encoding = '', user = ''] = session.map((value) => value ?? '')
  const major = Math.floor(Number(number) / 10000)
  const [superuser, createRole, createDatabase, createInDatabase, ownsDatabase] = session.slice(5, 10).map(yes)
  const named = textArray([...owners, user])
  const column = async (sql: string): Promise<readonly string[]> => (await ask(sql)).map(([first]) => first ?? '')
  const pairs = async (sql: string): Promise<ReadonlyMap<string, boolean>> =>
    new Map((await ask(sql)).map(([name, flag]) => [name ?? '', yes(flag)]))
  return {
    version,
    major,
    database,
    encoding,
    user,
    superuser: superuser === true,
    createRole: superuser === true || createRole === true,
    createDatabase: superuser === true || createDatabase === true,
    createInDatabase: createInDatabase === true,
    ownsDatabase: ownsDatabase === true,
    databaseCreators: new Set(
      await column(`SELECT rolname FROM pg_catalog.pg_roles
        WHERE rolname = ANY (${named}) AND has_database_privilege(oid, current_database(), 'CREATE')`),
    ),
    tablespace: session[10] ?? '',
    readOnly: yes(session[11]),
    icu: yes(session[12]),
    standby: yes(session[13]),
    convertible: new Set(
      await column(`SELECT pg_encoding_to_char(conforencoding) FROM pg_catalog.pg_conversion
        WHERE condefault AND pg_encoding_to_char(contoencoding) = ${literal(encoding)}`),
    ),
    roles: await readRoles(ask, major),
    members: new Set(
      (
        await ask(`SELECT a.rolname, b.rolname FROM pg_catalog.pg_roles a, pg_catalog.pg_roles b
        WHERE a.rolname = ANY (${named}) AND b.rolname = ANY (${named}) AND pg_has_role(a.oid, b.oid, 'USAGE')`)
      ).map(([a, b]) => `${a}\0${b}`),
    ),
    tablespaces: await pairs(`SELECT spcname, has_tablespace_privilege(oid, 'CREATE') FROM pg_catalog.pg_tablespace`),
    extensions: await readExtensions(ask, major),
    languages: await pairs(
      `SELECT lanname, lanpltrusted AND has_language_privilege(oid, 'USAGE') FROM pg_catalog.pg_language`,
    ),
    accessMethods: new Set(await column('SELECT amname FROM pg_catalog.pg_am')),
    settings: new Set(await column('SELECT lower(name) FROM pg_catalog.pg_settings')),
    schemas: await readSchemas(ask, named, schemas),
    databases: new Set(await column('SELECT datname FROM pg_catalog.pg_database')),
    eventTriggers: await column(`SELECT evtname FROM pg_catalog.pg_event_trigger
      WHERE evtenabled IN ('O', 'A') AND evtevent <> 'login' ORDER BY evtname`),
  }
}

async function readRoles(ask: Ask, major: number): Promise<ReadonlyMap<string, RoleFacts>> {
  const rows = await ask(`SELECT rolname, rolsuper, pg_has_role(oid, 'USAGE'),
    pg_has_role(oid, '${major >= 16 ? 'SET' : 'MEMBER'}') FROM pg_catalog.pg_roles`)
  return new Map(
    rows.map(([name, superuser, usage, canSet]) => [
      name ?? '',
      { superuser: yes(superuser), usage: yes(usage), canSet: yes(canSet) },
    ]),
  )
}

async function readExtensions(ask: Ask, major: number): Promise<ReadonlyMap<string, ExtensionFacts>> {
  const rows = await ask(`SELECT coalesce(a.name, e.extname), a.name IS NOT NULL, e.oid IS NOT NULL,
    pg_has_role(e.extowner, 'USAGE'), v.superuser, ${major >= 13 ? 'v.trusted' : 'false'}, array_to_string(v.requires, ' ')
    FROM pg_catalog.pg_available_extensions a
    FULL JOIN pg_catalog.pg_extension e ON e.extname = a.name
    LEFT JOIN pg_catalog.pg_available_extension_versions v ON v.name = a.name AND v.version = a.default_version`)
  return new Map(
    rows.map(([name, available, installed, owned, superuser, trusted, requires]) => [
      name ?? '',
      {
        available: yes(available),
        installed: yes(installed),
        owned: yes(owned),
        superuser: yes(superuser),
        trusted: yes(trusted),
        requires: (requires ?? '').split(' ').filter((needed) => needed !== ''),
      },
    ]),
  )
}

async function readSchemas(
  ask: Ask,
  named: string,
  schemas: ReadonlySet<string>,
): Promise<ReadonlyMap<string, SchemaFacts>> {
  const rows = await ask(`SELECT n.nspname, pg_has_role(n.nspowner, 'USAGE'), r.rolname FROM pg_catalog.pg_namespace n
    LEFT JOIN pg_catalog.pg_roles r ON n.nspname = ANY (${textArray(schemas)}) AND r.rolname = ANY (${named})
    AND has_schema_privilege(r.oid, n.oid, 'CREATE')`)
  const facts = new Map<string, { readonly owned: boolean; readonly creators: Set<string> }>()
  for (const [name, owned, creator] of rows) {
    const known = facts.get(name ?? '') ?? { owned: yes(owned), creators: new Set<string>() }
    if (creator !== null && creator !== undefined) known.creators.add(creator)
    facts.set(name ?? '', known)
  }
  return facts
}
