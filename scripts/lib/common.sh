# shellcheck shell=bash
# shellcheck disable=SC2034  # Variables are read by the files that source this one.
# What every script shares: messages, small questions, a lock. Runs on bash 3.2, which macOS has.

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd -P)
STATE=${TENANCY_STATE:-$ROOT/.services}
CACHE=${TENANCY_CACHE:-${XDG_CACHE_HOME:-${HOME:-/tmp}/.cache}/tenancy}

say() { printf '%s\n' "$*"; }
warn() { printf '%s\n' "$*" >&2; }
die() {
  warn "error: $*"
  exit 1
}

has() { command -v "$1" >/dev/null 2>&1; }
is_root() { [ "$(id -u)" = 0 ]; }
is_linux() { [ "$(uname -s)" = Linux ]; }

# within SECONDS COMMAND…: ends a command that hangs, where the system can.
within() {
  if has timeout; then timeout "$@"; else
    shift
    "$@"
  fi
}

# tcp_open HOST PORT: does anything listen there?
tcp_open() { (exec 3<>"/dev/tcp/$1/$2") 2>/dev/null; }

# ask PORT TEXT: sends one request to a loopback port and prints what comes back within two seconds.
ask() {
  (
    exec 3<>"/dev/tcp/127.0.0.1/$1" || exit 1
    printf '%b' "$2" >&3
    while IFS= read -r -t 2 line <&3; do printf '%s\n' "${line%$'\r'}"; done
    printf '%s\n' "${line%$'\r'}"
  ) 2>/dev/null
}

# free_port FIRST COUNT: a port of that range on which nothing listens. The ranges in use lie below
# the ephemeral ones, so that no outgoing connection takes the port meanwhile.
free_port() {
  local try port
  for try in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
    port=$(($1 + (RANDOM + try) % $2))
    tcp_open 127.0.0.1 "$port" || {
      echo "$port"
      return
    }
  done
  die "no free port found from $1 to $(($1 + $2 - 1))"
}

# lock FILE: waits for the other holder. Servers are started without the descriptor (9>&-).
lock() {
  if has flock; then
    exec 9>"$1"
    flock -n 9 && return
    warn "waiting for another call to finish ($1)"
    flock -w 900 9 || die "another call has held $1 for 15 minutes: end it and try again"
  else
    until mkdir "$1.d" 2>/dev/null; do
      kill -0 "$(cat "$1.d/pid" 2>/dev/null || echo 0)" 2>/dev/null || rm -rf "$1.d"
      sleep 0.2
    done
    echo "$$" >"$1.d/pid"
    # shellcheck disable=SC2064
    trap "rm -rf '$1.d'" EXIT
  fi
}
