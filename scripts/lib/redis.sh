# shellcheck shell=bash
# shellcheck disable=SC2034,SC2154  # Variables shared with service.sh.
# A private Redis for tests: nothing is saved.

# Debian's redis-tools brings the server under the name of a checking tool, and no service with it.
redis_bin() { command -v redis-server || command -v redis-check-rdb; }

redis_packages() { redis_bin >/dev/null || echo redis-tools; }

redis_start() {
  local dir=$1 port
  port=$(free_port 24000 3000)
  as_service_command
  # shellcheck disable=SC2016
  start_detached redis ${service_prefix[@]+"${service_prefix[@]}"} \
    bash -c 'bin=$1; shift; exec -a redis-server "$bin" "$@"' redis "$(redis_bin)" \
    --bind 127.0.0.1 --port "$port" --dir "$dir" --save '' --appendonly no
  echo "$port" >"$STATE/redis/port"
}

# The answer holds the server's pid: this cannot be another server.
redis_ready() {
  local answer
  answer=$(ask "$1" 'INFO server\r\nQUIT\r\n') || return 1
  case $answer in *"process_id:$(recorded_pid redis)"$'\n'*) ;; *) return 1 ;; esac
}

redis_url() { echo "redis://127.0.0.1:$1/"; }
redis_patience=30
redis_signal=TERM
redis_swept() { :; }
