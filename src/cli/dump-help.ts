/** What pg_dump's options about the content are, in short. */
export const contentHelp = `  -n, --schema  -N, --exclude-schema  -t, --table  -T, --exclude-table
  -e, --extension  --exclude-table-data  …-and-children  --filter  --section
  -a, --data-only  -s, --schema-only  -x, --no-privileges  -b, -B  --inserts
  --lock-wait-timeout  --serializable-deferrable  --snapshot  and all others
`

/** Help of `pgdmp dump`. */
export const dumpHelp = `Takes a dump with pg_dump, and keeps it when it is whole: every byte is verified in the
same pass, and the archive appears under its name only when pg_dump has ended well,
nothing is missing or damaged, and it is on the disk.

Usage:
  pgdmp dump [OPTION]... -d SOURCE -f OUT [-- OPTION-OF-PG_DUMP...]

Source, as for pg_dump (also PG* variables, ~/.pgpass, services):
  -d, --dbname=SOURCE          name, postgres://user@host:port/name?sslmode=…, or
                               'host=… port=… dbname=…'
  -h, --host=HOST  -p, --port=PORT  -U, --username=NAME
  -w, --no-password  -W, --password
      --role=NAME              SET ROLE first

Archive:
  -f, --file=OUT               file, or directory for -F d; must not exist
  -F, --format=c|d|t           custom (default), directory or tar
  -Z, --compress=METHOD        as for pg_dump: none, gzip, lz4, zstd, METHOD:LEVEL
  -j, --jobs=N                 parallel connections, for -F d
      --force                  replace what exists
      --no-sync                do not wait for the disk

What is dumped, as for pg_dump:
${contentHelp}
Besides the archive:
      --receipt=FILE           where the receipt goes, with digests and row counts for
                               pgdmp verify --against (default: OUT.receipt.json)
      --no-receipt             no receipt
      --globals                roles and tablespaces, too, as pg_dumpall
                               --globals-only writes them: OUT.globals.sql, for its
                               owner alone, as it holds passwords
      --no-role-passwords      without these, where one may not see them

Programs:
      --pg-dump=PATH           this pg_dump (default: the one in PATH, if it is new
                               enough for the server; else, of those that packages
                               have installed, the one of the server's release or the
                               newest)
      --json                   report as JSON
  -q, --quiet                  no progress, no report of what is sound
  -v, --verbose                what pg_dump does

To choose a pg_dump that fits, the server is asked for its version, if the package pg is
there (npm install pg pg-copy-streams).

Exit status: 0 the dump is there and sound, 1 it is not, or has defects that come from the
database, 2 wrong usage.

Examples:
  pgdmp dump -d app -f app.dump
  pgdmp dump -d postgres://backup@db/app -Z zstd --globals -f /backups/app.dump
  pgdmp dump -d app -F d -j 4 -T 'log*' -f app.dir
`
