# shellcheck shell=bash
# Servers that outlive the script which started them, found again by pid and start time.

# identity PID: what tells a process from a later one with the same number, also after a reboot.
# Fails for a process that is gone or only waits to be reaped.
identity() {
  local stat
  if [ -r /proc/self/stat ]; then
    { read -r stat <"/proc/$1/stat"; } 2>/dev/null || return 1
    # The name in parentheses may hold anything: the fields are counted behind it.
    # shellcheck disable=SC2086
    set -- ${stat##*) }
    [ "$1" != Z ] && [ "$1" != X ] || return 1
    echo "$(cat /proc/sys/kernel/random/boot_id 2>/dev/null):${20}"
  else
    stat=$(ps -o stat=,lstart= -p "$1" 2>/dev/null) || return 1
    # shellcheck disable=SC2086
    set -- $stat
    case $1 in Z*) return 1 ;; esac
    shift
    echo "$*"
  fi
}

# recorded_pid SERVICE: the pid on file, whatever became of it.
recorded_pid() {
  local pid
  { read -r pid _ <"$STATE/$1/pid"; } 2>/dev/null && [ -n "$pid" ] && echo "$pid"
}

# alive SERVICE: is the recorded process still the one that was started?
alive() {
  local pid was
  { read -r pid was <"$STATE/$1/pid"; } 2>/dev/null || return 1
  [ "$(identity "$pid")" = "$was" ]
}

# leftovers SERVICE: live processes of the recorded group which name the data folder in their
# command line. A leader that was killed leaves such behind (Elasticsearch is two processes).
leftovers() {
  local group dir stat pid
  group=$(recorded_pid "$1") || return 0
  dir=$(data_dir) || return 0
  if [ -r /proc/self/stat ]; then
    for pid in /proc/[0-9]*; do
      { read -r stat <"$pid/stat"; } 2>/dev/null || continue
      # shellcheck disable=SC2086
      set -- "$1" ${stat##*) }
      { [ "$4" = "$group" ] && [ "$2" != Z ]; } || continue
      tr '\0' ' ' 2>/dev/null <"$pid/cmdline" | grep -qF "$dir/" && echo "${pid#/proc/}"
    done
  else
    ps -A -o pgid=,pid=,command= | awk -v g="$group" -v d="$dir/" '$1 == g && index($0, d) { print $2 }'
  fi
  return 0
}

# start_detached SERVICE COMMAND…: in a session of its own, so that Ctrl-C does not reach it.
start_detached() {
  local service=$1
  shift
  rm -f "$STATE/$service/pid"
  if has setsid; then
    setsid bash "$ROOT/scripts/lib/detach" "$STATE/$service/pid" "$@" \
      >>"$STATE/$service/log" 2>&1 </dev/null 9>&- &
  else
    (
      set -m
      bash "$ROOT/scripts/lib/detach" "$STATE/$service/pid" "$@" \
        >>"$STATE/$service/log" 2>&1 </dev/null 9>&- &
    )
  fi
  local try=0
  until [ -s "$STATE/$service/pid" ]; do
    try=$((try + 1))
    [ "$try" -lt 200 ] || return 1
    sleep 0.05
  done
}

# stop_process SERVICE SIGNAL: asks, waits up to 15 seconds, insists.
stop_process() {
  local pid rest try=0
  pid=$(recorded_pid "$1") || return 0
  if alive "$1"; then kill "-$2" "$pid" 2>/dev/null || true; fi
  rest=$(leftovers "$1")
  # shellcheck disable=SC2086
  [ -z "$rest" ] || kill -TERM $rest 2>/dev/null || true
  while alive "$1" || [ -n "$(leftovers "$1")" ]; do
    try=$((try + 1))
    if [ "$try" -gt 150 ]; then
      alive "$1" && kill -KILL "$pid" 2>/dev/null
      rest=$(leftovers "$1")
      # shellcheck disable=SC2086
      [ -z "$rest" ] || kill -KILL $rest 2>/dev/null
      [ "$try" -lt 200 ] || die "$1 (pid $pid) cannot be stopped"
    fi
    sleep 0.1
  done
}
