# shellcheck shell=bash
# PgBouncer as a program: the tests start their own, so no service belongs to it. Debian's package
# starts one wherever it is installed; unpacked it brings the program alone.

pgbouncer_home() { echo "$CACHE/pgbouncer"; }

# pgbouncer_bin: the caller's choice, else what is installed; daemons lie outside many a PATH.
pgbouncer_bin() {
  if [ -n "${PGBOUNCER:-}" ]; then
    [ -x "$PGBOUNCER" ] && echo "$PGBOUNCER"
    return
  fi
  command -v pgbouncer && return
  local place
  for place in /usr/sbin /usr/local/sbin "$(pgbouncer_home)/usr/sbin"; do
    if [ -x "$place/pgbouncer" ]; then
      echo "$place/pgbouncer"
      return
    fi
  done
  return 1
}

# pgbouncer_bring: the program from the system's package, with the libraries it needs.
pgbouncer_bring() {
  local home libraries fetched log="$STATE/apt.log"
  if [ -n "${PGBOUNCER:-}" ]; then
    warn "PGBOUNCER=$PGBOUNCER cannot be run"
    return 1
  fi
  if ! has apt-get || ! has dpkg-deb; then
    warn "needed, and there is no apt-get here to bring it: pgbouncer"
    return 1
  fi
  home=$(pgbouncer_home)
  fetched=$(mktemp -d "${TMPDIR:-/tmp}/tenancy-pgbouncer.XXXXXX") || return 1
  say "fetching pgbouncer"
  (
    cd "$fetched" || exit 1
    apt-get download -qq pgbouncer && exit
    ! is_root || apt-get update -qq
    apt-get download -qq pgbouncer
  ) >>"$log" 2>&1 || {
    warn "apt-get could not fetch pgbouncer; the end of $log:"
    tail -n 5 "$log" >&2
    rm -f "$fetched"/*.deb && rmdir "$fetched"
    return 1
  }
  mkdir -p "$home"
  dpkg-deb -x "$fetched"/pgbouncer_*.deb "$home"
  # What it is linked with; a program that starts lacks nothing.
  if ! "$home/usr/sbin/pgbouncer" --version >/dev/null 2>&1; then
    libraries=$(dpkg-deb -f "$fetched"/pgbouncer_*.deb Depends |
      tr ',' '\n' | sed -n 's/^ *\(lib[^ ]*\).*/\1/p' | tr '\n' ' ')
    # shellcheck disable=SC2086
    apt_install $libraries || true
  fi
  rm -f "$fetched"/*.deb && rmdir "$fetched"
  "$home/usr/sbin/pgbouncer" --version >/dev/null 2>&1
}
