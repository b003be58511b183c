# shellcheck shell=bash
# shellcheck disable=SC2034,SC2154  # Variables shared with service.sh.
# A private Elasticsearch for tests: the server without optional modules, from its Maven coordinates.

es_version=8.19.8
es_sha256=8d943e94cef02cbceb6e39cd00175bb04e5f882fa32783a473880b8691a54376

# java_home: a Java that this version runs on.
java_home() {
  local home version
  for home in "${ES_JAVA_HOME:-}" "${JAVA_HOME:-}" "$(path_java)" /usr/lib/jvm/* \
    /opt/homebrew/opt/openjdk@* /usr/local/opt/openjdk@*; do
    [ -x "${home:-/none}/bin/java" ] || continue
    version=$("$home/bin/java" -version 2>&1 | sed -n '1s/^[^"]*"\([0-9]*\).*/\1/p')
    [ "${version:-0}" -ge 17 ] && [ "$version" -le 24 ] && echo "$home" && return
  done
  return 1
}

path_java() {
  local java
  java=$(command -v java) || return 0
  has readlink && java=$(readlink -f "$java" 2>/dev/null || echo "$java")
  echo "${java%/bin/java}"
}

elasticsearch_packages() {
  java_home >/dev/null || first_package 'openjdk-(17|21)-jre-headless' 17 || echo openjdk-17-jre-headless
  has unzip || echo unzip
  [ -f "$CACHE/elasticsearch-$es_version.zip" ] || has mvn || echo maven
}

# fetch_elasticsearch: the checked archive in the cache, downloaded once for every clone.
fetch_elasticsearch() (
  zip=$CACHE/elasticsearch-$es_version.zip
  mkdir -p "$CACHE"
  lock "$CACHE/lock"
  if [ -f "$zip" ]; then
    same_sha256 "$zip" && return
    rm -f "$zip"
    has mvn || die "$zip is damaged and was removed; install maven and try again"
  fi
  say "elasticsearch: downloading $es_version (98 MB, once)"
  part=$(mktemp -d "$CACHE/part.XXXXXX")
  trap 'rm -rf "$part"' EXIT
  trap 'exit 130' INT TERM
  JAVA_HOME=$(java_home) within 900 mvn -q -B org.apache.maven.plugins:maven-dependency-plugin:3.6.1:copy \
    -Dartifact="org.elasticsearch.distribution.integ-test-zip:elasticsearch:$es_version:zip" \
    -DoutputDirectory="$part" </dev/null >>"$STATE/elasticsearch/log" 2>&1 || return 1
  same_sha256 "$part/elasticsearch-$es_version.zip" || die "the downloaded Elasticsearch has another SHA-256 than $es_sha256"
  mv "$part/elasticsearch-$es_version.zip" "$zip"
)

same_sha256() {
  local sum
  if has sha256sum; then sum=$(sha256sum <"$1"); else sum=$(shasum -a 256 <"$1"); fi
  [ "${sum%% *}" = "$es_sha256" ]
}

elasticsearch_start() {
  local dir=$1 port name="tenancy-$RANDOM$RANDOM" home=$1/elasticsearch-$es_version
  fetch_elasticsearch || return 1
  if [ ! -d "$home" ]; then
    unzip -q "$CACHE/elasticsearch-$es_version.zip" -d "$dir" >>"$STATE/elasticsearch/log" 2>&1 || return 1
    mkdir -p "$home/plugins" "$dir/tmp"
    ! is_root || chown -R "$(service_user)" "$dir"
  fi
  port=$(free_port 27000 3000)
  echo "$name" >"$STATE/elasticsearch/name"
  as_service_command
  start_detached elasticsearch ${service_prefix[@]+"${service_prefix[@]}"} env -u JAVA_HOME -u ES_PATH_CONF \
    ES_JAVA_HOME="$(java_home)" ES_JAVA_OPTS='-Xms512m -Xmx512m' ES_TMPDIR="$dir/tmp" HOME="$dir" \
    "$home/bin/elasticsearch" \
    -E cluster.name="$name" -E discovery.type=single-node -E xpack.security.enabled=false \
    -E network.host=127.0.0.1 -E http.port="$port" -E transport.port="$(free_port 30000 2000)" \
    -E path.data="$dir/data" -E path.logs="$dir/logs" \
    -E cluster.routing.allocation.disk.threshold_enabled=false -E action.auto_create_index=false
  echo "$port" >"$STATE/elasticsearch/port"
}

# The cluster's name is drawn at every start: this cannot be another server.
elasticsearch_ready() {
  local answer
  answer=$(ask "$1" 'GET /_cluster/health HTTP/1.0\r\n\r\n') || return 1
  case $answer in *"\"cluster_name\":\"$(noted elasticsearch name)\""*) ;; *) return 1 ;; esac
}

elasticsearch_url() { echo "http://127.0.0.1:$1"; }
elasticsearch_patience=240
elasticsearch_signal=TERM
elasticsearch_swept() { :; }
