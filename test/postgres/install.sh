#!/bin/sh
# Installs PostgreSQL's own pg_restore, pg_dump and psql in several versions side by side, for the tests that compare
# with them.
#
#   test/postgres/install.sh [--servers] [MAJOR...]     (default: 13 15 17 18)
#
# Into $PGDMP_POSTGRES, or .tools/postgres beside package.json: MAJOR/bin/pg_restore and so on. With --servers also
# initdb, pg_ctl and postgres. A version that is there already is left alone.
#
# Each version comes from the Debian release that ships it, through apt with lists, cache and status of its own: nothing
# on the machine changes, and no root is needed. Mirror, proxy and keys are those of the machine's apt. The packages are
# unpacked, not installed; the programs are then bound to the C library beside them, so they run anywhere without chroot.
set -eu

target=${PGDMP_POSTGRES:-$(cd "$(dirname "$0")/../.." && pwd)/.tools/postgres}
servers=
majors=
for argument in "$@"; do
  case $argument in
    --servers) servers=yes ;;
    13 | 15 | 17 | 18) majors="$majors $argument" ;;
    *) echo "usage: $0 [--servers] [13|15|17|18...]" >&2; exit 2 ;;
  esac
done

say() { printf '%s\n' "$*" >&2; }
fail() { say "install.sh: $*"; exit 1; }

suite() {
  case $1 in 13) echo bullseye ;; 15) echo bookworm ;; 17) echo trixie ;; 18) echo sid ;; esac
}

# The machine's own Debian mirror. Lists may be missing on a fresh machine: then they are fetched once.
mirror() {
  for try in 1 2; do
    found=$(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' 'Origin: Debian' 'Label: Debian' | head -n 1)
    [ -z "$found" ] || { echo "$found"; return; }
    [ $try = 2 ] || apt-get update >&2 || true
  done
  fail 'no Debian mirror in the configuration of apt'
}

# apt_get WORK ARGUMENT...: apt-get with everything that changes in WORK
apt_get() {
  work=$1; shift
  apt-get -q -o Dir::Etc::SourceList="$work/sources.list" -o Dir::Etc::SourceParts=- -o Dir::Etc::Preferences=- \
    -o Dir::Etc::PreferencesParts=- -o Dir::State="$work/state" -o Dir::State::status="$work/status" \
    -o Dir::Cache="$work/cache" -o Dir::Cache::archives="$work/debs" -o APT::Sandbox::User= \
    -o APT::Install-Recommends=false -o Acquire::Languages=none -o Acquire::Check-Valid-Until=false \
    -o Acquire::Retries=5 -o Debug::NoLocking=true -o DPkg::Post-Invoke::= -o APT::Update::Post-Invoke::= "$@"
}

# unpack MAJOR-OR-EMPTY SUITE ROOT PACKAGE...: the packages and what they need, unpacked into ROOT
unpack() {
  release=$1 root=$2; shift 2
  work=$root.work
  rm -rf "$work"; mkdir -p "$work/state/lists/partial" "$work/cache" "$work/debs/partial" "$root"
  : > "$work/status"
  printf 'deb [signed-by=%s] %s %s main\n' "$keyring" "$mirror" "$release" > "$work/sources.list"
  apt_get "$work" update > "$work/log" 2>&1 || { cat "$work/log" >&2; fail "cannot read the package lists of $release"; }
  apt_get "$work" install -y --download-only "$@" >> "$work/log" 2>&1 || { cat "$work/log" >&2; fail "cannot fetch $*"; }
  for deb in "$work"/debs/*.deb; do
    case ${deb##*/} in
      # Wanted by maintainer scripts only, which do not run here
      perl* | libperl* | debconf* | ssl-cert* | openssl* | adduser* | passwd* | ucf* | sensible-utils* | locales*) ;;
      *) dpkg-deb --fsys-tarfile "$deb" | tar -x -C "$root" --no-same-owner --keep-directory-symlink ;;
    esac
  done
  rm -rf "$work"
}

# bind ROOT PROGRAM...: makes the programs use loader and libraries of ROOT
bind() {
  root=$1; shift
  loader=$(find "$root/lib" "$root/lib64" "$root/usr/lib" "$root/usr/lib64" -maxdepth 2 -name 'ld-linux*.so.*' 2>/dev/null | head -n 1)
  [ -n "$loader" ] || fail "no dynamic loader in $root"
  libraries=
  for folder in "$root"/usr/lib/*-linux-* "$root"/lib/*-linux-*; do
    [ ! -d "$folder" ] || libraries="$libraries${libraries:+:}$folder"
  done
  for program in "$@"; do
    # DT_RPATH, unlike DT_RUNPATH, also holds for what the libraries load in turn
    "$tools/patchelf" --set-interpreter "$loader" --force-rpath --set-rpath "$libraries" "$program"
  done
}

complete() {
  [ -x "$target/$1/bin/pg_restore" ] && "$target/$1/bin/pg_restore" --version > /dev/null 2>&1 &&
    { [ -z "$servers" ] || [ -x "$target/$1/bin/initdb" ]; }
}

missing=
for major in ${majors:-13 15 17 18}; do complete "$major" || missing="$missing $major"; done

if [ -n "$missing" ]; then
  command -v apt-get > /dev/null || fail 'apt-get is not there: this script works on Debian and its relatives'
  keyring=/usr/share/keyrings/debian-archive-keyring.gpg
  [ -r "$keyring" ] || fail "$keyring is not there: install debian-archive-keyring"
  mirror=$(mirror)
  mkdir -p "$target"
  tools=$target/tools/usr/bin
  [ -x "$tools/patchelf" ] || unpack bookworm "$target/tools" patchelf
  patched=$target/tools/usr/bin/patchelf
  case $("$patched" --version 2>/dev/null) in
    patchelf*) ;;
    *) # A machine with an older C library: run it with the one it was built for
      mv "$patched" "$patched.bin"
      loader=$(find "$target/tools" -name 'ld-linux*.so.*' | head -n 1)
      folders=$(find "$target/tools" -type d -name '*-linux-*' | tr '\n' ':')
      printf '#!/bin/sh\nexec %s --library-path %s %s "$@"\n' "$loader" "$folders" "$patched.bin" > "$patched"
      chmod +x "$patched" ;;
  esac
  for major in $missing; do
    (
      rm -rf "$target/$major"
      root=$target/$major/root
      mkdir -p "$root"
      packages="postgresql-client-$major tzdata"
      [ -z "$servers" ] || packages="$packages postgresql-$major"
      # shellcheck disable=SC2086
      unpack "$(suite "$major")" "$root" $packages
      bin=$root/usr/lib/postgresql/$major/bin
      # shellcheck disable=SC2046
      bind "$root" $(for file in "$bin"/*; do if [ "$(head -c 4 "$file" | tail -c 3)" = ELF ]; then echo "$file"; fi; done)
      ln -s "root/usr/lib/postgresql/$major/bin" "$target/$major/bin"
    ) &
  done
  wait
fi

for major in ${majors:-13 15 17 18}; do
  complete "$major" || fail "PostgreSQL $major could not be installed in $target"
  "$target/$major/bin/pg_restore" --version
done
