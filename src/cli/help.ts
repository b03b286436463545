import { closest, type CompatRules, compatRules, formatRelease, packageVersion } from '../index.ts'
import { auditHelp } from './audit-help.ts'
import { limitsHelp } from './limits-option.ts'
import { writeText } from './output.ts'
import { complain, exit, type Terminal } from './terminal.ts'

/** Help of `pgdmp` itself. */
export const overview = `pgdmp reads the archives of pg_dump (-Fc, -Fd, -Ft) without PostgreSQL.

Usage:
  pgdmp COMMAND [OPTION]... ARCHIVE

Commands:
  list         table of contents, as pg_restore -l prints it, or as JSON
  sql          SQL script, as pg_restore -f writes it
  convert      another archive: format, compression, version, a part, other names
  info         what an archive is, what is in it, and what it needs
  verify       whether an archive is sound, and what is wrong with it
  audit        what an archive would do to a server, and whether it can be restored
  restore      into a database, as pg_restore -d does
  drill        restore into a throw-away database, and prove the result
  dump         take a dump with pg_dump, and keep it if it is whole
  copy         one database into another, with pg_dump, in one stream
  reindex      in place, the offsets that an archive lacks after a pipe
  salvage      what is whole of a damaged or truncated archive, as a new one
  pg_restore   the same options, output, messages and status as pg_restore
  help         help on a command: pgdmp help sql
  version      version of pgdmp

ARCHIVE is a file, a directory, or "-" for standard input; its format is found out.

Exit status: 0 good, 1 bad input, defects found or something lost, 2 wrong usage,
3 unreadable (verify, salvage, audit), 130 interrupted.
`

/** The part of a help that says how to open an archive. */
export const inputOptions = `Input:
  -F, --format=c|d|t           format of the archive (found out by itself)
${limitsHelp}
      --spool                  copy standard input to a temporary file, so that
                               data can be taken in any order
      --max-buffer=BYTES       memory for buffers, such as 64M
`

export const selectionHelp = `Selection (names are compared as the list shows them):
  -n, --schema=NAME            only objects in this schema
  -N, --exclude-schema=NAME    no objects in this schema
  -t, --table=NAME             tables, views, sequences of this name
  -I, --index=NAME             index of this name
  -P, --function=NAME(ARGS)    function, as the list shows it
  -T, --trigger=NAME           trigger, as the list shows it
      --patterns               the names above are patterns: 'app.ev*', '*.log'
      --exclude-table=PATTERN  leave out a table and all that belongs to it
      --exclude-table-data=PATTERN
                               leave out the rows of a table
      --with-dependencies      also all that the objects named need: schemas, types,
                               functions, sequences, tables referred to, …
      --with-dependents        also all that belongs to the tables named: indexes,
                               constraints, triggers, sequences, partitions, …
  -L, --use-list=FILE          only the entries of this list, in its order
      --filter=FILE            names to include or exclude, from a file
  -s, --schema-only            only definitions
  -a, --data-only              only data
      --statistics-only        only statistics
      --section=SECTION        pre-data, data or post-data
      --no-data  --no-schema  --no-statistics  --statistics
      --no-comments  --no-policies  --no-publications
      --no-security-labels  --no-subscriptions
  -x, --no-privileges          no GRANT and REVOKE
  -C, --create                 the database itself, too
      --strict-names           fail when a name matches nothing
`

export const rewriteHelp = `Renaming (names as the list shows them; all at once, so two may be swapped):
      --map-owner=OLD=NEW      another role in place of this one, everywhere: owner,
                               grants, policies, user mappings, settings, …
      --map-file=FILE          the same from a file: one OLD=NEW a line, odd names in
                               double quotes, # begins a line of comment
      --owner=NEW              this role in place of every owner
      --map-schema=OLD=NEW     another schema
      --map-tablespace=OLD=NEW  --map-access-method=OLD=NEW
      --database-name=NEW      another name for the database
      --strict                 fail if a place cannot be decided (such as the body of a
                               function) instead of leaving it alone with a warning
`

/** Help of `pgdmp list`. */
export const listHelp = `Prints the table of contents of an archive.

Usage:
  pgdmp list [OPTION]... ARCHIVE

  -v, --verbose                every entry, with its dependencies
      --json                   one JSON document
      --ndjson                 one JSON object a line, one line an entry
  -f, --file=FILE              write to this file
      --compat=VERSION         as pg_restore of this release does: 13 to 18, 17.11

${selectionHelp}
${rewriteHelp}
${inputOptions}
Examples:
  pgdmp list nightly.dump
  pgdmp list -n app nightly.dump > app.list && pgdmp sql -L app.list nightly.dump
  pgdmp list --ndjson nightly.dump | jq -r 'select(.desc == "TABLE") | .tag'
`

/** Help of `pgdmp sql`. */
export const sqlHelp = `Writes an archive as an SQL script.

Usage:
  pgdmp sql [OPTION]... ARCHIVE

  -f, --file=FILE              write to this file, which appears when it is complete
                               (default: standard output)
  -j, --jobs=N                 threads that decompress
  -q, --quiet                  no progress, no warnings
  -v, --verbose                more comments, and what is done on standard error

${selectionHelp}
${rewriteHelp}
Script:
  -c, --clean                  drop objects first
      --if-exists              with IF EXISTS
  -O, --no-owner               no ALTER … OWNER
  -S, --superuser=NAME         superuser for --disable-triggers
      --disable-triggers       around data without definitions
      --enable-row-security
      --role=NAME              SET ROLE first
      --use-set-session-authorization
      --no-tablespaces  --no-table-access-method
  -1, --single-transaction     in one transaction
      --transaction-size=N     commit after every N objects
      --restrict-key=KEY       key of \\restrict (default: a random one)
      --safe                   refuse to write what would make psql do more than send
                               it: an archive from a stranger
      --no-restrict            no \\restrict, for a psql that does not know it
      --compat=VERSION         as pg_restore of this release does: 13 to 18, 17.11
      --target-version=VERSION SQL that this release of the server accepts; what
                               cannot be said in it is reported, and the status is 1

${inputOptions}
Examples:
  pgdmp sql nightly.dump | psql app
  pgdmp sql -s -f schema.sql nightly.dump
  pgdmp sql --patterns -t 'app.event*' --exclude-table-data 'app.event_log' nightly.dump
  pgdmp sql -t orders --with-dependencies --with-dependents nightly.dump | psql empty
  pgdmp sql --target-version 14 nightly.dump | psql old
  pgdmp sql --owner staging --map-schema app=app_2024 nightly.dump | psql staging
  zcat nightly.tar.gz | pgdmp sql - > nightly.sql
`

/** Help of `pgdmp convert`. */
export const convertHelp = `Writes an archive, or a part of it, as another archive.

Usage:
  pgdmp convert [OPTION]... ARCHIVE OUTPUT

OUTPUT is a file, a directory (with -F d), or "-" for standard output. It appears
when it is complete, and must not exist. What is not asked to change stays as it
is: an unchanged archive is copied byte for byte, and data whose compression stays
are not compressed again.

Output:
  -F, --format=c|d|t           custom, directory or tar (default: as the archive)
  -Z, --compress=METHOD[:LEVEL[,long]]
                               none, gzip, lz4 or zstd (default: as the archive)
      --archive-version=1.N    1.12 to 1.16 (default: as the archive, or 1.12)
      --target-version=VERSION an archive for pg_restore and server of this release
                               of PostgreSQL: version, compression, SQL; what they
                               lack is left out and listed, with status 1
      --for=NAME               an archive for this place (supabase, rds, postgres:17:owner,
                               …: see pgdmp audit --help): what can be changed without
                               loss is; the rest stays and is listed, with status 1
      --force                  replace an output that exists
      --reindex                give a custom archive the offsets that it lacks
      --allow-loss             status 0 even if something is lost
      --digest                 read the output again and print the digest of its
                               content; of a whole archive it must be the input's
  -j, --jobs=N                 threads that decompress
  -q, --quiet                  no progress, no warnings
  -v, --verbose                list what is left out, and what was done

${selectionHelp}
      --keep-links             also what names select and cannot be restored without
                               what they do not: a table's place in a publication,
                               foreign keys to other tables (as pg_restore -n does)

The entries of the database itself are always kept, as pg_dump does it.

${rewriteHelp}
Input:
      --input-format=c|d|t     format of the archive (found out by itself)
${limitsHelp}
      --spool                  copy standard input to a temporary file, so that
                               data can be taken in any order
      --max-buffer=BYTES       memory for buffers, such as 64M

Examples:
  pgdmp convert -Z zstd nightly.dump smaller.dump
  pgdmp convert -F d nightly.dump nightly.dir
  pgdmp convert --target-version 15 nightly.dump for-15.dump
  pgdmp convert --for supabase nightly.dump for-supabase.dump
  pgdmp convert -n app --exclude-table-data 'app.event_log*' nightly.dump app.dump
  pgdmp convert -t orders --with-dependencies nightly.dump orders.dump
  pgdmp convert --owner staging nightly.dump staging.dump
  pg_dump -Fc app | pgdmp convert -s - - | pg_restore -d empty
`

/** Help of `pgdmp info`. */
export const infoHelp = `Tells what an archive is, what is in it, what each table takes, and what it needs.

Usage:
  pgdmp info [OPTION]... ARCHIVE

      --json                   one JSON document
      --all                    every table, not only the largest
      --digest                 read everything and digest it: the same for every
                               archive of the same content, however it is stored

${inputOptions}
Examples:
  pgdmp info nightly.dump
  pgdmp info --json nightly.dump | jq '.tables[0]'
  pgdmp info --digest nightly.dump
`

/** Help of `pgdmp reindex`. */
export const reindexHelp = `Gives a custom archive that was written to a pipe the offsets that it lacks, in place,
so that pg_restore -j works and single tables are found at once.

Usage:
  pgdmp reindex [OPTION]... ARCHIVE

${limitsHelp}
  -q, --quiet                  say nothing

Only the table of contents is written, with as many bytes as before. Until they are
on the disk, a copy lies beside the archive as ARCHIVE.pgdmp-patch; if a crash comes
in between, run the command again.

Examples:
  pg_dump -Fc app | cat > app.dump && pgdmp reindex app.dump
`

export const verifyHelp = `Tells whether archives are sound: nothing missing, nothing damaged, nothing that a restore
would stumble over. After a defect it goes on as far as the archive allows.

Usage:
  pgdmp verify [OPTION]... ARCHIVE...

      --quick                  header, table of contents, offsets and presence of
                               all data, without decompressing them
      --receipt=FILE           write what the archive holds, row counts and digests,
                               if it is sound ("-": standard output)
      --against=FILE           compare with a receipt: of the archive itself, or of
                               one that it was converted from
      --force                  let --receipt replace a file
      --json                   the whole report as JSON
  -v, --verbose                a line for each entry with data
  -q, --quiet                  the exit status alone
  -j, --jobs=N                 decompressing threads; 0: none

${inputOptions}
Exit status: 0 sound, 1 defects or changes found, 2 wrong usage, 3 unreadable.

Examples:
  pgdmp verify nightly.dump
  pgdmp verify --quick /backups/*.dump
  pgdmp verify --receipt=nightly.json nightly.dump
  pgdmp convert -Fd nightly.dump nightly.dir && pgdmp verify --against=nightly.json nightly.dir
`

/** Help of `pgdmp salvage`. */
export const salvageHelp = `Writes what is whole of a damaged or truncated archive as a new archive: entries, rows
up to the last complete one, large objects. Says what is lost. The damaged archive is
not changed.

Usage:
  pgdmp salvage [OPTION]... BROKEN OUT

OUT is a file, for -F d a directory, or "-" for standard output; it appears when it is
whole, and must not exist.

Output:
  -F, --format=c|d|t           custom, directory or tar (as the input)
  -Z, --compress=METHOD        none, gzip, lz4 or zstd, or METHOD:LEVEL (as the input)
      --archive-version=1.N    1.12 to 1.16 (as the input)
      --certain-only           nothing of a compressed stream that is damaged: values
                               before the place where that shows may be wrong too
      --cut-large-objects      large objects up to where they are cut, not whole ones only
      --force                  replace an output that exists
      --json                   the report as JSON
  -q, --quiet                  no report, no warnings
  -v, --verbose                report what is whole as well

Input:
      --input-format=c|d|t     format of the archive (found out by itself)
${limitsHelp}

Data whose entry is lost come into tables public.salvaged_<dump id> with text columns.

Exit status: 0 nothing is lost, 1 something is lost, 3 there is nothing to save.

Examples:
  pgdmp salvage broken.dump saved.dump
  pgdmp salvage --json broken.dir saved.dir > report.json
`

/** Help of the drop-in. */
export function pgRestoreHelp(rules: CompatRules): string {
  return `Does what pg_restore of PostgreSQL ${formatRelease(rules.release)} does with -l and -f: same options, same output.

Usage:
  pgdmp pg_restore [--compat VERSION] [OPTION]... [FILE]

--compat, as the very first argument, or the variable PGDMP_COMPAT say whose pg_restore
it is: 13 to 18, or a minor such as 17.11. Everything after it is read as pg_restore
reads it. Restoring into a database (-d) is not supported yet.

Examples:
  pgdmp pg_restore -l nightly.dump
  pgdmp pg_restore --compat 15 -f schema.sql -s nightly.dump
`
}

/** What `pg_restore --version` prints. */
export function pgRestoreVersion(rules: CompatRules): string {
  return `pg_restore (pgdmp ${packageVersion}, as PostgreSQL ${formatRelease(rules.release)})\n`
}

/** Helps that have a file of their own. */
const laterTopics: Readonly<Record<string, () => Promise<string>>> = {
  restore: async () => (await import('./restore-help.ts')).restoreHelp,
  drill: async () => (await import('./drill-help.ts')).drillHelp,
  dump: async () => (await import('./dump-help.ts')).dumpHelp,
  copy: async () => (await import('./copy-help.ts')).copyHelp,
}

/** `pgdmp help [COMMAND]` */
export async function help(terminal: Terminal, args: readonly string[]): Promise<number> {
  const topics: Readonly<Record<string, () => string>> = {
    list: () => listHelp,
    sql: () => sqlHelp,
    convert: () => convertHelp,
    info: () => infoHelp,
    audit: () => auditHelp,
    verify: () => verifyHelp,
    reindex: () => reindexHelp,
    salvage: () => salvageHelp,
    pg_restore: () => pgRestoreHelp(compatRules()),
  }
  const [topic] = args
  const later = topic !== undefined && Object.hasOwn(laterTopics, topic) ? laterTopics[topic] : undefined
  if (later !== undefined) {
    await writeText(terminal, undefined, await later())
    return exit.good
  }
  const text = topic === undefined ? () => overview : Object.hasOwn(topics, topic) ? topics[topic] : undefined
  if (text === undefined) {
    const near = closest(topic ?? '', Object.keys(topics))
    complain(
      terminal,
      `there is no command "${topic}"`,
      near === undefined ? 'Try "pgdmp help"' : `Did you mean "${near}"?`,
    )
    return exit.usage
  }
  await writeText(terminal, undefined, text())
  return exit.good
}

/** `pgdmp version` */
export async function version(terminal: Terminal): Promise<number> {
  await writeText(terminal, undefined, `pgdmp ${packageVersion}\n`)
  return exit.good
}
