# shellcheck shell=bash
# The same three services in containers, where a Docker engine runs.

compose() {
  docker compose -p "tenancy-test-$(printf %s "$ROOT" | cksum | cut -d' ' -f1)" \
    -f "$ROOT/scripts/lib/services.compose.yaml" "$@" </dev/null >>"$STATE/compose.log" 2>&1 9>&-
}

compose_usable() {
  has docker && [ -n "$(within 10 docker info --format '{{.ServerVersion}}' 2>/dev/null)" ] &&
    docker compose version >/dev/null 2>&1
}

compose_port_of() {
  case $1 in postgres) echo 5432 ;; redis) echo 6379 ;; elasticsearch) echo 9200 ;; esac
}

# compose_up SERVICE…: brings up what it can and records it. Whatever is not recorded afterwards is
# the next source's business: images may be out of reach, or the engine on another machine.
compose_up() {
  local service pulled='' address
  : >"$STATE/compose.log"
  for service in "$@"; do
    if docker image inspect "$(compose_image "$service")" >/dev/null 2>&1 ||
      { say "$service: pulling its image" && within 600 docker pull -q "$(compose_image "$service")" \
        </dev/null >>"$STATE/compose.log" 2>&1 9>&-; }; then
      pulled="$pulled $service"
    else
      warn "$service: its image cannot be pulled; trying a local server"
    fi
  done
  [ -n "$pulled" ] || return 0
  # shellcheck disable=SC2086
  compose up -d --wait --wait-timeout 240 $pulled || {
    warn "docker compose could not start$pulled (see $STATE/compose.log); trying local servers"
    compose down -v || true
    return 0
  }
  for service in $pulled; do
    address=$(docker compose -p "tenancy-test-$(printf %s "$ROOT" | cksum | cut -d' ' -f1)" \
      -f "$ROOT/scripts/lib/services.compose.yaml" port "$service" "$(compose_port_of "$service")" 2>/dev/null)
    if [ -n "$address" ] && tcp_open 127.0.0.1 "${address##*:}"; then
      record "$service" compose "$("${service}_url" "${address##*:}")"
      say "$service: ready in a container on 127.0.0.1:${address##*:}"
    else
      warn "$service: its container does not answer on this machine; trying a local server"
      compose_remove "$service"
    fi
  done
}

compose_image() {
  sed -n "/^  $1:/,/image:/s/^ *image: *//p" "$ROOT/scripts/lib/services.compose.yaml"
}

compose_remove() { ! has docker || compose rm -s -f -v "$1" || true; }

# compose_end: the network goes when no container is left.
compose_end() {
  [ -f "$STATE/compose.log" ] || return 0
  compose down -v || true
  rm -f "$STATE/compose.log"
}
