#!/usr/bin/env bash
# side-by-side.sh [CMD…]
# What compose.yaml describes, as processes: its binaries with its flags (only
# addresses differ), HAProxy with its file where it is installed, on a real
# three-node Kafka or the one at ROLLCALL_TEST_BROKERS. Runs CMD with
# ROLLCALL_WS_URL set (default: the suite of stock clients), then stops
# everything and fails unless every process ends cleanly.
# Needs python3-yaml; run `make build` first.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/../.." && pwd)
bin=${ROLLCALL_BIN:-$root/bin}

if [[ -z ${ROLLCALL_TEST_BROKERS:-} ]]; then
  exec "$root/deploy/kafka/with-kafka.sh" --nodes 3 "$0" "$@"
fi
[[ $# -gt 0 ]] || set -- "$root/test/clients/run.sh"

die() { echo "side-by-side: $*" >&2; exit 1; }

logs=$(mktemp -d)
declare -A pid_of address_of ops_of
port=${ROLLCALL_TEST_PORT:-28080}

# Sets free to an address of this machine that nobody listens on.
take_address() {
  while (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; do port=$((port + 1)); done
  free=127.0.0.1:$port
  port=$((port + 1))
}

start() { # NAME PROGRAM ARGUMENT…
  local name=$1
  shift
  # The grace is the default of every service; a test may shorten it here, the
  # flags stay those of the file.
  ROLLCALL_LEAVE_DELAY=${ROLLCALL_TEST_LEAVE_DELAY_MS:-10000}ms "$@" >"$logs/$name.log" 2>&1 &
  pid_of[$name]=$!
}

# The flags of the file, with addresses of this machine.
start_service() { # NAME BINARY FLAG…
  local name=$1 binary=$2 flag flags=()
  shift 2
  for flag in "$@"; do
    case $flag in
      --kafka-brokers=*) flag=--kafka-brokers=$ROLLCALL_TEST_BROKERS ;;
      --listen=*) take_address; address_of[$name]=$free flag=--listen=$free ;;
      --ops-listen=*) take_address; ops_of[$name]=$free flag=--ops-listen=$free ;;
    esac
    flags+=("$flag")
  done
  [[ -n ${ops_of[$name]:-} ]] || ops_of[$name]=${address_of[$name]}
  start "$name" "$bin/$binary" "${flags[@]}"
}

wait_ready() { # NAME URL [STATUS]
  local deadline=$((SECONDS + 60))
  until [[ $(curl -s -m 2 -o /dev/null -w '%{http_code}' "$2") == "${3:-200}" ]]; do
    kill -0 "${pid_of[$1]}" 2>/dev/null || die "$1 ended: $(tail -n 5 "$logs/$1.log")"
    [[ $SECONDS -lt $deadline ]] || die "$1 is not ready: $(curl -s -m 2 "$2"); $(tail -n 5 "$logs/$1.log")"
    sleep 0.2
  done
  echo "side-by-side: $1 is ready"
}

start_balancer() {
  command -v haproxy >/dev/null || { echo "side-by-side: no haproxy here, clients go to edge-a"; return; }
  take_address
  BALANCER_LISTEN=$free EDGE_A=${address_of[edge-a]} EDGE_A_OPS_PORT=${ops_of[edge-a]##*:} \
    EDGE_B=${address_of[edge-b]} EDGE_B_OPS_PORT=${ops_of[edge-b]##*:} start balancer haproxy -db -f "$here/haproxy.cfg"
  # An edge's own answer: it has no page at /.
  wait_ready balancer "http://$free/" 404
  export ROLLCALL_WS_URL=ws://$free/ws
}

# Balancer first, so that no client sees an edge go; Kafka outlives all.
finish() {
  local code=$? name end
  trap - EXIT
  for name in balancer edge-a edge-b notifier-1 notifier-2 presence-1 presence-2; do
    [[ -n ${pid_of[$name]:-} ]] || continue
    kill -TERM "${pid_of[$name]}" 2>/dev/null || true
    for _ in $(seq 225); do # 45 s, as stop_grace_period
      kill -0 "${pid_of[$name]}" 2>/dev/null || break
      sleep 0.2
    done
    kill -KILL "${pid_of[$name]}" 2>/dev/null || true
    end=0; wait "${pid_of[$name]}" 2>/dev/null || end=$?
    # HAProxy dies by the signal itself; that is its way.
    [[ $end == 0 || $name == balancer ]] || { echo "side-by-side: $name ended with $end: $(tail -n 5 "$logs/$name.log")" >&2; code=1; }
  done
  [[ $code == 0 ]] && rm -rf "$logs" || echo "side-by-side: logs are in $logs" >&2
  exit "$code"
}
trap finish EXIT

while IFS=$'\t' read -r -a line; do start_service "${line[@]}"; done < <(python3 "$here/commands.py" "$here/compose.yaml")
[[ ${#pid_of[@]} -gt 0 ]] || die "compose.yaml has no services of ours"
for name in "${!ops_of[@]}"; do wait_ready "$name" "http://${ops_of[$name]}/readyz"; done
export ROLLCALL_WS_URL=ws://${address_of[edge-a]}/ws
export ROLLCALL_TEST_LEAVE_DELAY_MS=${ROLLCALL_TEST_LEAVE_DELAY_MS:-10000}
start_balancer
"$@"
