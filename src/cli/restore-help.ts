import { inputOptions, rewriteHelp, selectionHelp } from './help.ts'

/** Help of `pgdmp restore`. */
export const restoreHelp = `Restores an archive into a database, as pg_restore -d does.

Usage:
  pgdmp restore [OPTION]... -d CONNECTION ARCHIVE

Needs the packages pg and pg-copy-streams beside pgdmp: npm install pg pg-copy-streams

Connection, found as libpq finds it (also PG* variables, ~/.pgpass, services):
  -d, --dbname=CONNECTION      name, postgres://user@host:port/name?sslmode=…, or
                               'host=… port=… dbname=…'
  -h, --host=HOST  -p, --port=PORT  -U, --username=NAME
  -w, --no-password  -W, --password

Restore:
  -j, --jobs=N                 in N sessions, by dependencies; of what comes through a
                               pipe, rows come as they do, in one session, and indexes
                               and the like beside them in the others (all: --spool)
  -c, --clean                  drop objects first
      --if-exists              with IF EXISTS
  -C, --create                 create the database, and restore into it
  -O, --no-owner               no ALTER … OWNER
  -S, --superuser=NAME         superuser for --disable-triggers
      --disable-triggers       around data without definitions
      --enable-row-security
      --no-data-for-failed-tables
      --role=NAME              SET ROLE first
      --use-set-session-authorization
      --no-tablespaces  --no-table-access-method
  -1, --single-transaction     all or nothing
      --transaction-size=N     commit after every N objects
      --compat=VERSION         as pg_restore of this release does: 13 to 18, 17.11
      --target-version=VERSION SQL for this release; default: what the server is

      --resume=FILE            keep a journal, and go on where a restore with it
                               stopped: the same command again. Each table's rows
                               are there whole or not at all; what failed is tried
                               again. Needs CREATE on the database

Before and after:
      --check                  only say what would fail, and what to do about it
      --no-check               do not look at the server before the restore
      --create-roles           create roles that are missing, without login
      --finish                 analyze tables, compare numbers of rows with the
                               archive, set sequences that are behind, validate
                               constraints, look for what is not valid

Errors:
  -e, --exit-on-error          the same as --on-error stop
      --on-error=stop|continue|ask
                               what to do when the server refuses a statement
                               (default: go on, and sum up at the end)
      --log=FILE               each failure, and the end, as a line of JSON
      --progress=json[:FILE]   how far it is, as lines of JSON on standard
                               error, or in a file or pipe (json:/dev/fd/3)
  -q, --quiet                  no progress and no check; of errors only the sum
                               at the end
  -v, --verbose                what is done

${selectionHelp}
${rewriteHelp}
${inputOptions}
Exit status: 0 all was restored (--check: nothing is in the way), 1 something
failed (would fail), 2 wrong usage.

Examples:
  pgdmp restore -d app nightly.dump
  pgdmp restore --resume app.journal -j 4 -d app nightly.dump
  pgdmp restore --no-owner -x -d postgres://localhost/copy nightly.dump
  pg_dump -Fc app | pgdmp restore --map-owner alice=bob -d copy -
`
