#!/usr/bin/env bash
# Tests kafka.sh and with-kafka.sh against the real thing.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)

fail() { echo "FAIL: $*" >&2; exit 1; }
expect() { # WANT GOT WHAT
  [[ $2 == "$1" ]] || fail "$3: want '$1', got '$2'"
  echo "ok: $3"
}
code_of() { local code=0; "$@" >/dev/null 2>&1 || code=$?; echo "$code"; }

expect 1 "$(code_of "$here/kafka.sh" start --nodes 2)" "two nodes are refused"
expect 1 "$(code_of "$here/kafka.sh" start --port abc)" "a port that is no number is refused"
expect 1 "$(code_of "$here/kafka.sh" status --port 19999)" "status of nothing fails"
expect 7 "$(code_of "$here/with-kafka.sh" bash -c 'exit 7')" "the exit code is passed on"

# What is started must be gone afterwards, also after a signal.
marker=$(mktemp)
trap 'rm -f "$marker"' EXIT
"$here/with-kafka.sh" bash -c 'echo "$ROLLCALL_TEST_KAFKA_PORT" >"$0"; exec sleep 60' "$marker" >/dev/null 2>&1 &
pid=$!
for _ in $(seq 300); do [[ -s $marker ]] && break; sleep 0.2; done
port=$(cat "$marker")
[[ -n $port ]] || fail "CMD did not run"
expect 0 "$(code_of "$here/kafka.sh" status --port "$port")" "Kafka runs while CMD runs"
kill -TERM "$pid"
code=0; wait "$pid" || code=$?
expect 143 "$code" "a signal reaches CMD"
expect 1 "$(code_of "$here/kafka.sh" status --port "$port")" "Kafka is stopped after a signal"

three_nodes() {
  "$here/kafka.sh" status | grep -c 'sees 3 of 3' | grep -qx 3 || fail "not every node sees three"
  [[ $(tr , '\n' <<<"$ROLLCALL_TEST_BROKERS" | wc -l) == 3 ]] || fail "three brokers in the environment"
  "$here/kafka.sh" kill 2
  if "$here/kafka.sh" status >/dev/null; then fail "status hides a dead node"; fi
  "$here/kafka.sh" restart 2
  "$here/kafka.sh" status >/dev/null || fail "node 2 did not come back"
}
export -f three_nodes fail
export here
"$here/with-kafka.sh" --nodes 3 bash -euo pipefail -c three_nodes
echo "ok: three nodes, one killed and restarted"
