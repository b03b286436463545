import { contentHelp } from './dump-help.ts'
import { rewriteHelp } from './help.ts'
import { limitsHelp } from './limits-option.ts'

/** Help of `pgdmp copy`. */
export const copyHelp = `Copies a database into another: pg_dump and a restore in one stream, with nothing on a
disk between them.

Usage:
  pgdmp copy [OPTION]... --from=SOURCE --to=TARGET [-- OPTION-OF-PG_DUMP...]

SOURCE and TARGET are a name, postgres://user@host:port/name?sslmode=…, or
'host=… port=… dbname=…'; the rest is found as libpq finds it (PG* variables, ~/.pgpass,
services). They must not be the same database.

Needs pg_dump, and the packages pg and pg-copy-streams beside pgdmp:
npm install pg pg-copy-streams

What is copied, as for pg_dump:
${contentHelp}
Source:
      --from-role=NAME         SET ROLE first
      --pg-dump=PATH           this pg_dump (default: see pgdmp dump --help)

Target:
  -j, --jobs=N                 in N sessions: rows come from pg_dump one table after the
                               other, and indexes, constraints and the like of tables
                               that are there are made beside them
  -c, --clean                  drop objects first
      --if-exists              with IF EXISTS
  -C, --create                 create the database, and copy into it; TARGET names another
                               one of its server to begin with
  -O, --no-owner               no ALTER … OWNER
      --to-role=NAME           SET ROLE first
  -S, --superuser=NAME         superuser for --disable-triggers
      --disable-triggers       around data without definitions
      --no-data-for-failed-tables
      --use-set-session-authorization
      --no-tablespaces  --no-table-access-method
  -1, --single-transaction     all or nothing
      --transaction-size=N     commit after every N objects
      --create-roles           create roles that the target lacks, without login
      --no-check               do not say beforehand what will fail
      --finish                 afterwards: sequences, constraints, numbers of rows, ANALYZE
      --target-version=VERSION SQL that this release of the server accepts (default: that
                               of the target)

${rewriteHelp}
Both:
  -w, --no-password            never ask for a password
      --on-error=stop|continue what to do when the target refuses a statement
                               (default: go on, and sum up at the end)
      --progress=json[:FILE]   how far it is, as lines of JSON
      --log=FILE               each failure, and the end, as a line of JSON
${limitsHelp}
  -q, --quiet                  no progress; of errors only the sum at the end
  -v, --verbose                what is done

When pg_dump fails, or either server goes away, the target is said to be INCOMPLETE, with
status 1.

Exit status: 0 all was copied, 1 something failed, 2 wrong usage.

Examples:
  pgdmp copy --from postgres://prod/app --to postgres://localhost/app
  pgdmp copy --from prod --to staging -O --exclude-table-data 'log*' --map-schema app=app2
  pgdmp copy --from service=prod -C --database-name app_test --to postgres
`
