#!/usr/bin/env bash
# with-kafka.sh [--nodes 1|3] [--port PORT] CMD…
# Starts an empty Apache Kafka, runs CMD with ROLLCALL_TEST_BROKERS set, always
# stops it, and ends with CMD's exit code. Without --port it takes a free one,
# so that several runs can share a machine.
set -uo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
nodes=${ROLLCALL_TEST_KAFKA_NODES:-1} port=${ROLLCALL_TEST_KAFKA_PORT:-}
while [[ $# -gt 0 ]]; do
  case $1 in
    --nodes) nodes=${2:?--nodes needs a value}; shift 2 ;;
    --port) port=${2:?--port needs a value}; shift 2 ;;
    --) shift; break ;;
    -*) echo "with-kafka: unknown flag $1" >&2; exit 2 ;;
    *) break ;;
  esac
done
[[ $# -gt 0 ]] || { echo "usage: with-kafka.sh [--nodes 1|3] [--port PORT] CMD…" >&2; exit 2; }

# The lock is held as long as this script runs: two runs never get one port.
hold() {
  mkdir -p "$locks"
  exec 8>"$locks/port-$1.lock"
  flock -n 8 || return 1
  ! (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null
}

locks=${ROLLCALL_TEST_KAFKA_CACHE:-$(cd "$here/../.." && pwd)/.cache/kafka}
if [[ -z $port ]]; then
  for port in $(seq 19102 10 19182) none; do
    [[ $port == none ]] && { echo "with-kafka: no free port" >&2; exit 1; }
    hold "$port" && break
  done
fi

child=
finish() {
  local code=$?
  trap - EXIT INT TERM
  "$here/kafka.sh" stop --port "$port" || echo "with-kafka: stopping failed" >&2
  exit "$code"
}
trap finish EXIT
trap '[[ -n $child ]] && kill -TERM "$child" 2>/dev/null' INT TERM

"$here/kafka.sh" start --port "$port" --nodes "$nodes" >&2 || exit 1
eval "$("$here/kafka.sh" env --port "$port")"
export ROLLCALL_TEST_KAFKA_PORT=$port ROLLCALL_TEST_KAFKA_NODES=$nodes
# In the background, because bash runs traps only between foreground commands.
"$@" <&0 8>&- &
child=$!
wait "$child"
code=$?
# A signal ends the first wait early; the command's own end is what counts.
while kill -0 "$child" 2>/dev/null; do wait "$child"; code=$?; done
exit "$code"
