import type { Problem } from './check-report.ts'

/** What a check can find, and what to do about it. */
export const problems = {
  roles: {
    kind: 'roles',
    what: 'roles that do not exist',
    hint: 'Restore with --create-roles, with --no-owner and --no-privileges, or with --map-owner',
  },
  reservedRoles: {
    kind: 'roles',
    what: 'predefined roles that this release of the server does not have',
    hint: 'Leave the privileges out (--no-privileges), or map the roles (--map-owner)',
  },
  extensions: {
    kind: 'extensions',
    what: 'extensions that the server does not have',
    hint: 'Install them on the server, or leave them out with a list (-L)',
  },
  requiredExtensions: {
    kind: 'extensions',
    what: 'extensions that need another one, which is neither there nor in the archive before them',
    hint: 'Create the other extension in the database first',
  },
  languages: {
    kind: 'languages',
    what: 'languages that are neither in the database nor created by the archive',
    hint: 'Create the extension of the language in the database first',
  },
  tablespaces: {
    kind: 'tablespaces',
    what: 'tablespaces that do not exist',
    hint: 'Create them, or restore with --no-tablespaces or --map-tablespace',
  },
  accessMethods: {
    kind: 'access-methods',
    what: 'table access methods that do not exist',
    hint: 'Install their extension, or restore with --no-table-access-method or --map-access-method',
  },
  collations: {
    kind: 'collations',
    what: 'collations that the database does not have',
    hint: 'Install the locale and run pg_import_system_collations(), or create the collation before the restore',
  },
  icu: {
    kind: 'collations',
    what: 'collations of ICU, which this server was built without',
    hint: 'Restore into a server with ICU, or leave the collations out with a list (-L)',
  },
  locales: {
    kind: 'locales',
    what: 'locales that the operating system of the server does not have',
    hint: 'Install them on the server',
  },
  conversion: {
    kind: 'encoding',
    what: 'an encoding that the server cannot convert to the one of the database',
    hint: 'Restore into a database in the encoding of the archive, or in UTF8',
  },
  narrowEncoding: {
    kind: 'encoding',
    severity: 'warning',
    what: 'an encoding with characters that the one of the database does not have: rows with such characters fail',
    hint: 'Restore into a database in UTF8, or in the encoding of the archive',
  },
  notInEncoding: {
    kind: 'encoding',
    what: 'names that the encoding of the database does not have',
    hint: 'Restore into a database in UTF8, or in the encoding of the archive',
  },
  noEncoding: {
    kind: 'encoding',
    severity: 'warning',
    what: 'bytes that are stored without conversion: one of the two is SQL_ASCII',
    hint: 'Make sure that clients know what they read, or restore into a database in the encoding of the archive',
  },
  settings: {
    kind: 'settings',
    what: 'settings that the server does not know',
    hint: 'Restore with --target-version, or --compat of the release of the server',
  },
  olderServer: {
    kind: 'older-server',
    what: 'statements that this release of the server does not understand',
    hint: 'Restore with --target-version and the release of the server',
  },
  lacking: {
    kind: 'older-server',
    what: 'features that this release of the server does not have',
    hint: 'Restore into a newer server, or leave them out with a list (-L)',
  },
  older: {
    kind: 'older-server',
    severity: 'note',
    what: 'a server older than the one that was dumped',
    hint: 'Should statements fail, restore with --target-version',
  },
  newerServer: {
    kind: 'newer-server',
    what: 'features that this release of the server has lost',
    hint: 'Change the objects in the old database before the dump, or leave them out with a list (-L)',
  },
  objectsThere: {
    kind: 'objects-there',
    what: 'objects that are there already',
    hint: 'Restore into an empty database, or with --clean --if-exists',
  },
  eventTriggers: {
    kind: 'objects-there',
    severity: 'note',
    what: 'event triggers in the database, which act upon what is restored',
    hint: 'Should they be in the way: ALTER EVENT TRIGGER … DISABLE until the restore is done',
  },
  rowsThere: {
    kind: 'objects-there',
    severity: 'warning',
    what: 'tables that are there already, to which rows are added',
    hint: 'Empty them first where rows could be there twice',
  },
  objectsMissing: {
    kind: 'objects-missing',
    what: 'objects to drop that are not there',
    hint: 'Restore with --if-exists, or without --clean',
  },
  schemas: {
    kind: 'schemas-missing',
    what: 'schemas that are neither in the database nor created by the restore',
    hint: 'Create them first, or restore with --with-dependencies',
  },
  tables: {
    kind: 'tables-missing',
    what: 'tables with rows that are neither in the database nor created by the restore',
    hint: 'Restore the definitions first, or with --with-dependencies',
  },
  databaseThere: {
    kind: 'database',
    what: 'a database that exists',
    hint: 'Restore into it without --create, with --create --clean --if-exists, or as another (--database-name)',
  },
  databaseMissing: {
    kind: 'database',
    what: 'a database to drop that is not there',
    hint: 'Restore with --if-exists, or without --clean',
  },
  databaseInUse: {
    kind: 'database',
    what: 'a database to drop that is the one connected to',
    hint: 'Connect to another, such as postgres',
  },
  createDatabase: {
    kind: 'privileges',
    what: 'databases that the role may not create',
    hint: 'Restore as a role with CREATEDB, or into a database that is there, without --create',
  },
  readOnly: {
    kind: 'read-only',
    what: 'a server that takes no changes: a standby, or with default_transaction_read_only',
    hint: "Connect to the primary, or where it is only the setting of the database or the role, with PGOPTIONS='-c default_transaction_read_only=off'",
  },
  standby: {
    kind: 'read-only',
    what: 'a standby, which takes no changes',
    hint: 'Connect to the primary: of several hosts target_session_attrs=read-write finds it',
  },
  readOnlySetting: {
    kind: 'read-only',
    what: 'transactions that are read-only (default_transaction_read_only)',
    hint: "Where it is only the setting of the database or the role, restore with PGOPTIONS='-c default_transaction_read_only=off'",
  },
  setRole: {
    kind: 'privileges',
    what: 'a role that cannot be taken on (--role)',
    hint: 'Make the user a member of the role',
  },
  superuser: {
    kind: 'privileges',
    what: 'statements that take a superuser',
    hint: 'Restore as a superuser, or leave them out with a list (-L)',
  },
  untrusted: {
    kind: 'privileges',
    what: 'extensions that the role may not create',
    hint: 'Have a superuser create them in the database before the restore',
  },
  createSchema: {
    kind: 'privileges',
    what: 'objects that take the privilege CREATE on the database',
    hint: 'GRANT CREATE ON DATABASE … TO the role, or restore as the owner of the database',
  },
  createInSchema: {
    kind: 'privileges',
    what: 'schemas in which the role may not create',
    hint: 'GRANT CREATE ON SCHEMA … TO the role, or restore as the owner of the database',
  },
  giveAway: {
    kind: 'privileges',
    what: 'roles to which the role that restores cannot give objects, as it is no member of them',
    hint: 'GRANT them to it, or restore with --no-owner',
  },
  ownerMayNotCreate: {
    kind: 'privileges',
    what: 'owners who may not create in the schema of their objects, and so cannot be given them',
    hint: 'GRANT CREATE ON SCHEMA … TO them, or restore as a superuser, or with --no-owner',
  },
  superuserOwner: {
    kind: 'privileges',
    what: 'owners who must be superusers, and are not',
    hint: 'Make them superusers, or give the objects to one (--map-owner)',
  },
  publicationOwner: {
    kind: 'privileges',
    what: 'owners who may not create in the database, and so cannot be given publications',
    hint: 'GRANT CREATE ON DATABASE … TO them, or restore as a superuser, or with --no-owner',
  },
  mustOwn: {
    kind: 'privileges',
    what: 'objects that are there and belong to another role',
    hint: 'Restore as their owner or as a superuser, or leave these out (--no-comments, -L)',
  },
  tablespacePrivilege: {
    kind: 'privileges',
    what: 'tablespaces in which the role may not create',
    hint: 'GRANT CREATE ON TABLESPACE … TO the role, or restore with --no-tablespaces',
  },
  languagePrivilege: {
    kind: 'privileges',
    what: 'languages that the role may not use',
    hint: 'Restore as a superuser',
  },
  fill: {
    kind: 'privileges',
    what: 'tables into which the role may not insert rows',
    hint: 'GRANT INSERT ON … TO the role, or restore as their owner',
  },
  rowSecurity: {
    kind: 'privileges',
    what: 'tables with row-level security, into which the role cannot load rows',
    hint: 'Restore as a role with BYPASSRLS, or have the security disabled until then',
  },
  triggers: {
    kind: 'privileges',
    what: 'tables whose triggers only a superuser can disable',
    hint: 'Restore as a superuser, or without --disable-triggers',
  },
  sessionUser: {
    kind: 'privileges',
    what: 'users that only a superuser can become (--use-set-session-authorization, --superuser)',
    hint: 'Restore as a superuser, or without the option',
  },
} as const satisfies Readonly<Record<string, Problem>>
