# shellcheck shell=bash
# One service from whichever source has it: a given URL, a container, or a local server.
# Each server file defines NAME_packages, NAME_start DIR, NAME_ready PORT, NAME_url PORT,
# NAME_patience (seconds), NAME_signal and NAME_swept DIR.

# shellcheck disable=SC2034  # Read by the script that sources this one.
SERVICES='postgres redis elasticsearch'

variable_of() {
  case $1 in
  postgres) echo TEST_DATABASE_URL ;;
  redis) echo TEST_REDIS_URL ;;
  elasticsearch) echo TEST_ELASTICSEARCH_URL ;;
  esac
}

noted() { cat "$STATE/$1/$2" 2>/dev/null; }

# given SERVICE: the URL from the environment, unless it is one that we handed out ourselves: a shell
# may still hold those of servers which are long gone.
given() {
  local name url
  name=$(variable_of "$1")
  url=${!name:-}
  [ -n "$url" ] || return 1
  [ "$(noted "$1" how)" = given ] || ! grep -qxF "$url" "$STATE/$1/issued" 2>/dev/null || return 1
  echo "$url"
}

# reachable URL: does its host answer? Forms without one plain host and port are taken on trust.
reachable() {
  local rest port
  rest=${1#*://}
  case $1 in http://*) port=80 ;; https://*) port=443 ;; redis*) port=6379 ;; *) port=5432 ;; esac
  rest=${rest%%[/?]*}
  rest=${rest##*@}
  case $rest in '' | *[\[,%]*) return 0 ;; esac
  case $rest in *:*) port=${rest##*:} rest=${rest%:*} ;; esac
  # shellcheck disable=SC2016
  within 5 bash -c 'exec 3<>"/dev/tcp/$1/$2"' reach "$rest" "$port" 2>/dev/null
}

# running SERVICE: recorded, alive and answering.
running() {
  case $(noted "$1" how) in
  given) [ "$(given "$1")" = "$(noted "$1" url)" ] && reachable "$(noted "$1" url)" ;;
  compose) [ -f "$STATE/$1/url" ] && reachable "$(noted "$1" url)" ;;
  local) [ -f "$STATE/$1/url" ] && alive "$1" && "$1_ready" "$(noted "$1" port)" ;;
  *) return 1 ;;
  esac
}

# record SERVICE HOW URL: from now on it counts as up. A given URL may hold a password.
record() {
  local old
  old=$(umask)
  umask 077
  mkdir -p "$STATE/$1"
  echo "$2" >"$STATE/$1/how"
  [ "$2" = given ] || echo "$3" >>"$STATE/$1/issued"
  echo "$3" >"$STATE/$1/url"
  umask "$old"
}

# The unprivileged user of the servers when root runs this: PostgreSQL and Elasticsearch refuse root.
service_user() {
  getent passwd postgres >/dev/null && echo postgres && return
  getent passwd tenancy >/dev/null ||
    useradd --system --user-group --no-create-home --shell /usr/sbin/nologin tenancy
  echo tenancy
}

as_service_command() {
  local user
  service_prefix=()
  is_root || return 0
  user=$(service_user)
  service_prefix=(setpriv --reuid="$user" --regid="$(id -g "$user")" --init-groups --)
}

as_service() {
  local service_prefix
  as_service_command
  (cd / && ${service_prefix[@]+"${service_prefix[@]}"} "$@")
}

# data_dir: where the servers keep their files, once make_data_dir has chosen.
data_dir() { cat "$STATE/data" 2>/dev/null; }

# make_data_dir: below the state folder where the servers' user may go there (a clone in a closed
# home folder is out of its reach), else a folder of their own.
make_data_dir() {
  local dir
  dir=$(data_dir) && [ -d "$dir" ] && return
  dir=$STATE/tenancy.data
  mkdir -p "$dir"
  if is_root && ! as_service test -x "$dir"; then
    rmdir "$dir"
    dir=$(mktemp -d /var/tmp/tenancy.XXXXXX)
    chmod 755 "$dir"
  fi
  echo "$dir" >"$STATE/data"
}

# start_service SERVICE: a local server, ready, or a message that names its log.
start_service() {
  local service=$1 port dir log=$STATE/$1/log patience began=$SECONDS
  dir=$(data_dir)/$service
  patience=${service}_patience
  : >"$log"
  echo local >"$STATE/$service/how"
  # shellcheck disable=SC2034
  for try in 1 2 3; do
    mkdir -p "$dir"
    chmod 700 "$dir"
    ! is_root || chown "$(service_user)" "$dir"
    "${service}_start" "$dir" || break
    port=$(noted "$service" port)
    local deadline=$((SECONDS + ${!patience}))
    while alive "$service" && [ "$SECONDS" -lt "$deadline" ]; do
      if "${service}_ready" "$port"; then
        record "$service" local "$("${service}_url" "$port")"
        say "$service: ready on 127.0.0.1:$port ($((SECONDS - began)) s)"
        return
      fi
      sleep 0.1
    done
    # Somebody else took the port between the choice and the start: choose again.
    if ! alive "$service" && grep -qiE 'already in use|could not bind|BindException' "$log"; then
      rm -rf "${dir:?}/data"
      continue
    fi
    alive "$service" && warn "$service: not ready after ${!patience} s"
    break
  done
  warn "error: $service did not start; the end of its log ($log):"
  tail -n 20 "$log" >&2
  return 1
}

# stop_service SERVICE: nothing of it is left afterwards, whatever state it was in.
stop_service() {
  local service=$1 dir signal
  [ -d "$STATE/$service" ] || return 0
  if [ "$(noted "$service" how)" = compose ]; then
    compose_remove "$service"
  fi
  signal=${service}_signal
  stop_process "$service" "${!signal}"
  if dir=$(data_dir) && [ -d "$dir/$service" ]; then
    "${service}_swept" "$dir/$service"
    rm -rf "${dir:?}/$service"
  fi
  (cd "$STATE/$service" && rm -f pid port how url name)
}
