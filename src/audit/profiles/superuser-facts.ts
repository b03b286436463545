import type { PrivilegedAct, TargetFact } from '../target.ts'

/** Day on which every source of these profiles was read. */
export const readOn = '2026-11-27'

const documentation = 'https://www.postgresql.org/docs/current/'

interface Act {
  readonly page: string
  readonly why: string
  readonly fix: string
  /** It depends on who restores. */
  readonly mayWork?: true
}

/** Where PostgreSQL says that an act takes a superuser, and what to do without one. */
const acts: Readonly<Record<PrivilegedAct, Act>> = {
  'access-method': {
    page: 'sql-create-access-method.html',
    why: 'only a superuser can create an access method',
    fix: 'Leave it out, and rebuild what uses it on an access method of the server',
  },
  'base-type': {
    page: 'sql-createtype.html',
    why: 'only a superuser can create a base type',
    fix: 'Use the extension that brings the type, or a domain or composite type instead',
  },
  'cast-of-built-in-types': {
    page: 'sql-createcast.html',
    why: 'only the owner of one of its types can create a cast, and built-in types belong to the superuser that made the cluster',
    fix: 'Call the function of the cast where it is needed, or use a type of your own',
  },
  'cast-without-function': {
    page: 'sql-createcast.html',
    why: 'only a superuser can create a cast WITHOUT FUNCTION',
    fix: 'Create the cast WITH INOUT or with a function in SQL',
  },
  'default-privileges-of-role': {
    page: 'sql-alterdefaultprivileges.html',
    why: 'only a superuser, the role itself and its members can change the default privileges of a role',
    fix: 'Restore as a member of the role, or map it to the restoring role with convert --map-owner',
    mayWork: true,
  },
  'event-trigger': {
    page: 'sql-createeventtrigger.html',
    why: 'only a superuser can create an event trigger',
    fix: 'Leave the event trigger out',
  },
  'extension-comment': {
    page: 'sql-comment.html',
    why: 'only its owner can comment on an extension, and plpgsql belongs to the superuser that made the cluster',
    fix: 'Leave the comment out: the extension comes with its own',
  },
  'foreign-data-wrapper': {
    page: 'sql-createforeigndatawrapper.html',
    why: 'only a superuser can create a foreign-data wrapper',
    fix: 'Use an extension that brings the wrapper, such as postgres_fdw',
  },
  'internal-aggregate': {
    page: 'sql-createaggregate.html',
    why: 'only a superuser can create an aggregate whose state is of type internal',
    fix: 'Give the aggregate a state of an ordinary type',
  },
  leakproof: {
    page: 'sql-createfunction.html',
    why: 'only a superuser can create a LEAKPROOF function',
    fix: 'Create the function without LEAKPROOF: it gives the same results, perhaps with other plans',
  },
  'operator-class': {
    page: 'sql-createopclass.html',
    why: 'only a superuser can create an operator class or family',
    fix: 'Use the extension that brings it, or index an expression instead',
  },
  'publication-of-everything': {
    page: 'sql-createpublication.html',
    why: 'only a superuser can publish all tables or the tables of a schema',
    fix: 'Publish the tables by name',
  },
  'refresh-under-row-security': {
    page: 'ddl-rowsecurity.html',
    why: 'the view reads a table that forces row security on its owner, and pg_restore refreshes it with row_security off, where that is an error',
    fix: 'Refresh the materialized view after the restore, with row_security on, or as a role with BYPASSRLS',
  },
  'session-authorization': {
    page: 'sql-set-session-authorization.html',
    why: 'only a superuser can become another role with SET SESSION AUTHORIZATION, as grants of somebody else than the owner ask',
    fix: 'Grant the privileges again as the owner of the object',
  },
  subscription: {
    page: 'sql-createsubscription.html',
    why: 'only a superuser can create a subscription, and from 16 on members of pg_create_subscription',
    fix: 'Create the subscription by the means of the target, or grant pg_create_subscription where it can be granted',
  },
  'superuser-setting': {
    page: 'sql-createfunction.html',
    why: 'only a superuser, or a role with the privilege SET on it, can set the parameter',
    fix: 'Take the SET clause off',
  },
  'support-function': {
    page: 'sql-createfunction.html',
    why: 'only a superuser can name a SUPPORT function',
    fix: 'Create the function without SUPPORT: it gives the same results, perhaps with other plans',
  },
  'text-search-parser': {
    page: 'sql-createtsparser.html',
    why: 'only a superuser can create a text search parser or template',
    fix: 'Use the parsers and templates of the server or of an extension',
  },
  'transform-of-built-in-objects': {
    page: 'sql-createtransform.html',
    why: 'only the owner of its type and functions can create a transform, and built-in ones belong to the superuser that made the cluster',
    fix: 'Leave the transform out, or use a type and functions of your own',
  },
  'untrusted-extension': {
    page: 'sql-createextension.html',
    why: 'only a superuser can create an extension that is not trusted',
    fix: 'Let a superuser create the extension before the restore, or leave it out',
  },
  'untrusted-language': {
    page: 'sql-createfunction.html',
    why: 'only a superuser can create functions in C, internal and other untrusted languages',
    fix: 'Use the extension that brings the function, or write it in SQL or PL/pgSQL',
  },
  'user-mapping-option': {
    page: 'postgres-fdw.html',
    why: 'only a superuser can give a user mapping of postgres_fdw sslcert, sslkey or password_required of false',
    fix: 'Give the user mapping a password instead, or the certificate to the foreign server',
  },
}

/** Every act. */
const privilegedActs = Object.keys(acts).filter((name): name is PrivilegedAct => name in acts)

/** One fact for each act that a role without superuser rights cannot do, but for those that the target allows. */
export function withoutSuperuser(options: {
  readonly allowed?: readonly PrivilegedAct[]
  readonly proven?: boolean
  /** Page of the target that says that there are no superusers. */
  readonly source?: string
}): readonly TargetFact[] {
  const { allowed = [], proven = false, source } = options
  return privilegedActs
    .filter((act) => !allowed.includes(act))
    .map((act) => ({
      id: `no-superuser-${act}`,
      about: { kind: 'acts', acts: [act] },
      effect: acts[act].mayWork === true ? 'differs' : 'fails',
      why: acts[act].why,
      fix: acts[act].fix,
      lossless: act === 'extension-comment',
      source: source ?? documentation + acts[act].page,
      date: readOn,
      proven,
    }))
}

/** Custom tablespaces are not there: what lies in one can lie in that of the database. */
export function withoutTablespaces(source: string, proven = false): TargetFact {
  return {
    id: 'no-tablespaces',
    about: { kind: 'tablespaces' },
    effect: 'fails',
    why: 'there are no tablespaces but those of the server',
    fix: 'Restore with --no-tablespaces: everything then lies in the tablespace of the database',
    lossless: true,
    source,
    date: readOn,
    proven,
  }
}
