#!/bin/bash
# Fills a folder with the archives that bench/run.mjs measures, by real pg_dump 15 and 18 from a real server.
#   bench/make-archives.sh FOLDER      PGHOST, PGPORT, PGUSER name a PostgreSQL 15 server to use: one that allows for
#                                      20,000 locks at a time, as those of test/postgres/servers.sh do
# It creates and drops the databases pgdmp_bench (about 400 MB of SQL) and pgdmp_bench_many (20,000 tables).
set -euo pipefail
folder=${1:?usage: bench/make-archives.sh FOLDER}
here=$(cd "$(dirname "$0")" && pwd)
postgres=${PGDMP_POSTGRES:-$here/../.tools/postgres}
pg_dump_of() { if [ -x "$postgres/$1/bin/pg_dump" ]; then echo "$postgres/$1/bin/pg_dump"; else echo "/usr/lib/postgresql/$1/bin/pg_dump"; fi; }
mkdir -p "$folder"
for database in pgdmp_bench pgdmp_bench_many; do
  psql -q -d postgres -c "DROP DATABASE IF EXISTS $database" -c "CREATE DATABASE $database"
done
psql -q -d pgdmp_bench -v ON_ERROR_STOP=1 -f "$here/tables.sql"
psql -q -d pgdmp_bench_many -v ON_ERROR_STOP=1 -f "$here/many-tables.sql"
"$(pg_dump_of 15)" -Fc -f "$folder/gzip.dump" pgdmp_bench
for method in none lz4 zstd; do "$(pg_dump_of 18)" -Fc --compress=$method -f "$folder/$method.dump" pgdmp_bench; done
"$(pg_dump_of 15)" -Fc -f "$folder/many.dump" pgdmp_bench_many
rm -rf "$folder/many.dir"
"$(pg_dump_of 15)" -Fd -f "$folder/many.dir" pgdmp_bench_many
psql -q -d postgres -c 'DROP DATABASE pgdmp_bench' -c 'DROP DATABASE pgdmp_bench_many'
ls -l "$folder"
