# shellcheck shell=bash
# Stages: one command each, one line each, one log each, and the sum of all test results.

PASSED=0 FAILED=0 SKIPPED=0 BROKEN='' JOB=''

# stage NAME COMMAND…: runs it with its output in a log. A failure is shown and remembered; the
# stages after it still run, so that one call reports everything.
stage() {
  local name=$1 log=$LOGS/$1.log began=$SECONDS code=0 before=$FAILED
  shift
  printf 'stage %s … ' "$name"
  # A process group of its own: an interrupt ends the command with all its children.
  set -m
  "$@" >"$log" 2>&1 </dev/null &
  JOB=$!
  set +m
  wait "$JOB" || code=$?
  JOB=''
  count "$log"
  if [ "$code" = 0 ] && [ "$FAILED" = "$before" ]; then
    say "ok ($((SECONDS - began)) s)"
    return
  fi
  say "FAILED ($((SECONDS - began)) s)"
  # A stage that broke without naming a test is one failure in the sum.
  [ "$FAILED" != "$before" ] || FAILED=$((FAILED + 1))
  BROKEN="$BROKEN $name"
  digest "$log"
}

# count LOG: adds up its "test result:" lines.
count() {
  local sums
  sums=$(awk '/^test result: / {
      for (i = 2; i <= NF; i++) {
        if ($i ~ /^passed/) p += $(i - 1)
        if ($i ~ /^failed/) f += $(i - 1)
        if ($i ~ /^ignored/) s += $(i - 1)
      }
    } END { print p + 0, f + 0, s + 0 }' "$1")
  # shellcheck disable=SC2086
  set -- $sums
  PASSED=$((PASSED + $1)) FAILED=$((FAILED + $2)) SKIPPED=$((SKIPPED + $3))
}

# digest LOG: what a reader needs first, then the end of the log.
digest() {
  grep -E -A 8 '^(test .* FAILED$|error(\[|:)|.*panicked at )' "$1" | head -n 60 | sed 's/^/  | /' || true
  say "  the end of $1:"
  grep -vE '^ +(Compiling|Checking|Downloading|Downloaded|Documenting) ' "$1" | tail -n 30 | sed 's/^/  | /' || true
}

# end_job: ends the running stage, with its children.
end_job() {
  [ -n "$JOB" ] || return 0
  kill -TERM -- "-$JOB" 2>/dev/null || true
  wait "$JOB" 2>/dev/null || true
  JOB=''
}

# verdict: the last line, and the exit code.
verdict() {
  [ -z "$BROKEN" ] || say "failed stages:$BROKEN"
  if [ "$SKIPPED" -gt 0 ] && [ "${CI:-}" = true ]; then
    say "with CI=true a skipped test is a failure: $(skipped_names)"
    BROKEN="$BROKEN skipped"
  fi
  if [ "$SKIPPED" -gt 0 ]; then
    say "$PASSED passed, $FAILED failed, $SKIPPED skipped"
  else
    say "$PASSED passed, $FAILED failed"
  fi
  [ "$FAILED" = 0 ] && [ -z "$BROKEN" ]
}

skipped_names() {
  sed -n 's/^test \(.*\) \.\.\. ignored.*/\1/p' "$LOGS"/*.log | head -n 10 | paste -sd, -
}
