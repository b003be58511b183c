# shellcheck shell=bash
# shellcheck disable=SC2034,SC2154  # Variables shared with service.sh.
# A private PostgreSQL for tests: trust on loopback, no fsync, no socket file.

postgres_minimum=15

# postgres_bin: the folder of usable server binaries: the caller's choice, else the newest installed.
postgres_bin() {
  local dir version best='' best_version=0
  for dir in "${PG_BIN:-}" "$(dirname "$(command -v postgres || echo /none/x)")"; do
    [ "$(postgres_version "$dir")" -lt "$postgres_minimum" ] || { echo "$dir" && return; }
  done
  for dir in /usr/lib/postgresql/*/bin /usr/pgsql-*/bin \
    /opt/homebrew/opt/postgresql@*/bin /usr/local/opt/postgresql@*/bin; do
    version=$(postgres_version "$dir")
    [ "$version" -le "$best_version" ] || { best=$dir best_version=$version; }
  done
  [ "$best_version" -ge "$postgres_minimum" ] && echo "$best"
}

# postgres_version DIR: its major version, 0 where no server is.
postgres_version() {
  local version=0
  if [ -x "$1/postgres" ] && [ -x "$1/initdb" ]; then
    version=$("$1/postgres" --version 2>/dev/null | sed 's/^[^0-9]*\([0-9]*\).*/\1/')
  fi
  echo "${version:-0}"
}

postgres_packages() {
  postgres_bin >/dev/null && return
  first_package 'postgresql-[0-9]+' "$postgres_minimum" && return
  if [ -z "$(newest_package 'postgresql-[0-9]+' 0)" ]; then
    # Package lists were never fetched: the system's own choice will do.
    echo postgresql
  else
    warn "this system's packages have no PostgreSQL $postgres_minimum or newer: see https://www.postgresql.org/download/"
    return 1
  fi
}

postgres_start() {
  local dir=$1 bin port
  bin=$(postgres_bin)
  port=$(free_port 21000 3000)
  as_service "$bin/initdb" -D "$dir/data" -A trust -U postgres --no-sync -E UTF8 --locale=C.UTF-8 \
    >>"$STATE/postgres/log" 2>&1 ||
    as_service "$bin/initdb" -D "$dir/data" -A trust -U postgres --no-sync -E UTF8 --locale=C \
      >>"$STATE/postgres/log" 2>&1 || return 1
  as_service_command
  start_detached postgres ${service_prefix[@]+"${service_prefix[@]}"} "$bin/postgres" -D "$dir/data" \
    -c listen_addresses=127.0.0.1 -c port="$port" -c unix_socket_directories= \
    -c fsync=off -c synchronous_commit=off -c full_page_writes=off \
    -c max_connections=300 -c max_locks_per_transaction=256 -c log_min_messages=warning
  echo "$port" >"$STATE/postgres/port"
}

# The server writes "ready" into the last line of its pid file: this cannot be another server.
postgres_ready() {
  case $(tail -n 1 "$(data_dir)/postgres/data/postmaster.pid" 2>/dev/null) in
  ready*) tcp_open 127.0.0.1 "$1" ;;
  *) return 1 ;;
  esac
}

postgres_url() { echo "postgres://postgres@127.0.0.1:$1/postgres"; }
postgres_patience=60
postgres_signal=INT

# A server that was killed leaves a few bytes of System V memory, which only its pid file names.
postgres_swept() {
  local id
  id=$(sed -n '7s/.* //p' "$1/data/postmaster.pid" 2>/dev/null) || return 0
  [ -z "$id" ] || ! has ipcrm || as_service ipcrm -m "$id" 2>/dev/null || true
}
