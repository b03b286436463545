#!/bin/sh
# Starts empty PostgreSQL servers for the tests that restore into them or ask them, and stops them again.
#
#   test/postgres/servers.sh start FOLDER [MAJOR...]     (default: 13 15 17 18)
#   test/postgres/servers.sh crash FOLDER MAJOR          (ends at once, as when it is killed)
#   test/postgres/servers.sh recover FOLDER MAJOR        (goes on after that, on the same port)
#   test/postgres/servers.sh standby FOLDER MAJOR        (makes a hot standby of it, and prints how to connect to that)
#   test/postgres/servers.sh stop FOLDER
#
# FOLDER must be empty or not there, and is removed by `stop`; all that the servers write is in it. A server that was
# just starting then, and has lost its folder, ends by itself within a minute. `start` prints what the tests
# read from PGDMP_SERVERS: connection strings by major, as JSON. The programs are those of
# `test/postgres/install.sh --servers`. Every server listens on a free port of 127.0.0.1 alone and wants a password made
# for this run. As PostgreSQL refuses to run as root, root starts it as nobody.
set -eu

postgres=${PGDMP_POSTGRES:-$(cd "$(dirname "$0")/../.." && pwd)/.tools/postgres}
fail() { echo "servers.sh: $*" >&2; exit 1; }
usage() { echo "usage: $0 start FOLDER [13|15|17|18...] | crash|recover|standby FOLDER MAJOR | stop FOLDER" >&2; exit 2; }
[ $# -ge 2 ] || usage
command=$1 folder=$2
shift 2

# as_owner COMMAND...: as the user who owns the servers, in their folder
as_owner() {
  (
    cd "$folder" || exit
    if [ "$(id -u)" != 0 ]; then exec "$@"; fi
    case $launcher in
      setpriv) exec setpriv --reuid=nobody --regid="$(id -g nobody)" --clear-groups -- "$@" ;;
      runuser) exec runuser -u nobody -- "$@" ;;
    esac
  )
}
launcher=$(command -v setpriv > /dev/null && echo setpriv || echo runuser)

# Makes the data folder of a server that has no port yet.
initialize() {
  case $major in 9.*) auth=md5 no_sync=-N ;; *) auth=scram-sha-256 no_sync=--no-sync ;; esac
  as_owner "$bin/initdb" -D "$data" -U postgres -A $auth --pwfile="$folder/password" -E UTF8 --locale=C \
    $no_sync > "$folder/$major.log" 2>&1 || return
  # Nothing here outlives the run: what protects data from a crash, and what works in the background, is left out.
  cat >> "$data/postgresql.conf" << END
listen_addresses = '127.0.0.1'
unix_socket_directories = ''
fsync = off
full_page_writes = off
synchronous_commit = off
autovacuum = off
shared_buffers = 32MB
max_connections = 40
max_locks_per_transaction = 1024
wal_level = logical
END
  case $major in 9.* | 10) ;; *) echo 'jit = off' >> "$data/postgresql.conf" ;; esac
}

# A port that nobody listens on, from those that the system gives to anyone who asks.
free_port() {
  node -e 'const server = require("node:net").createServer().listen(0, "127.0.0.1", () => {
    console.log(server.address().port)
    server.close()
  })'
}

# Starts the server of a data folder, whose port it writes to a file of the name $1.
run_server() {
  # Somebody else may take the port first.
  for try in 1 2 3; do
    port=$(free_port)
    if as_owner "$bin/pg_ctl" -D "$data" -l "$data/server.log" -w -t 60 -o "-p $port" start > /dev/null 2>&1; then
      echo "$port" > "$folder/$1.port"
      return
    fi
  done
  cat "$data/server.log" >&2
  fail "cannot start PostgreSQL $major"
}

start_server() {
  bin=$postgres/$major/bin data=$folder/$major
  [ -x "$bin/initdb" ] || fail "$bin/initdb is not there: run test/postgres/install.sh --servers"
  as_owner "$bin/postgres" --version > /dev/null ||
    fail "$bin/postgres cannot be run by the owner of $folder: set PGDMP_POSTGRES to a folder that everybody can read"
  initialize || { cat "$folder/$major.log" >&2; fail "cannot make a database cluster of PostgreSQL $major"; }
  run_server "$major"
}

# connection PORT: how to connect, as libpq takes it
connection() {
  printf 'host=127.0.0.1 port=%s user=postgres password=%s dbname=postgres' "$1" "$(cat "$folder/password")"
}

stop_all() {
  for data in "$folder"/[0-9]*/; do
    [ -e "$data/postmaster.pid" ] || continue
    major=$(basename "$data" .standby)
    # pg_ctl ends the process whose id is in the data folder, and no other.
    as_owner "$postgres/$major/bin/pg_ctl" -D "$data" -m immediate -w stop > /dev/null || true
  done
  rm -rf "$folder"
}

case $command in
  start)
    mkdir -p "$folder"
    folder=$(cd "$folder" && pwd)
    [ -z "$(ls -A "$folder")" ] || fail "$folder is not empty"
    chmod 700 "$folder"
    (umask 077 && od -An -N24 -tx1 /dev/urandom | tr -d ' \n' > "$folder/password")
    if [ "$(id -u)" = 0 ]; then chown -R nobody "$folder"; fi
    majors=${*:-13 15 17 18}
    for major in $majors; do start_server & done
    wait
    for major in $majors; do
      [ -s "$folder/$major.port" ] || { stop_all; fail "PostgreSQL $major does not run"; }
    done
    separator='{'
    for major in $majors; do
      printf '%s"%s":"%s"' "$separator" "$major" "$(connection "$(cat "$folder/$major.port")")"
      separator=,
    done
    echo '}' ;;
  crash | recover)
    [ $# = 1 ] && [ -d "$folder/$1" ] || usage
    major=$1 folder=$(cd "$folder" && pwd)
    if [ $command = crash ]; then set -- -m immediate -W stop; else set -- -l "$folder/$1/server.log" -w -t 60 -o "-p $(cat "$folder/$1.port")" start; fi
    as_owner "$postgres/$major/bin/pg_ctl" -D "$folder/$major" "$@" > /dev/null ;;
  standby)
    [ $# = 1 ] && [ -d "$folder/$1" ] || usage
    major=$1 folder=$(cd "$folder" && pwd)
    bin=$postgres/$major/bin data=$folder/$major.standby
    as_owner "$bin/pg_basebackup" -D "$data" -R -c fast --no-sync -d "$(connection "$(cat "$folder/$major.port")")" >&2
    run_server "$major.standby"
    connection "$(cat "$folder/$major.standby.port")" ;;
  stop)
    [ -d "$folder" ] || exit 0
    folder=$(cd "$folder" && pwd)
    stop_all ;;
  *) usage ;;
esac
