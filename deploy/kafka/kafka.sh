#!/usr/bin/env bash
# Runs a real Apache Kafka on loopback, for tests: KRaft, one node or three.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)

usage() {
  cat <<'TEXT'
usage: kafka.sh COMMAND [--port PORT] [--nodes 1|3] [--keep]

  start        fetch (once), format, start; returns when every broker answers
  stop         stop every node
  status       which nodes run, and how many brokers each one sees
  env          shell lines: ROLLCALL_TEST_BROKERS=host:port,…
  kill N       kill -9 node N             (three nodes: see what survives)
  pause N      stop node N in its tracks (SIGSTOP); resume N continues it
  restart N    start node N again on its data

  --port PORT  broker of node 1 [19092, or ROLLCALL_TEST_KAFKA_PORT]; node N has
               PORT+N-1, its controller PORT+100+N-1
  --nodes N    1 or 3 [1, or ROLLCALL_TEST_KAFKA_NODES]
  --keep       start on the data of the last run instead of an empty log

Environment: ROLLCALL_TEST_KAFKA_HEAP [768m], ROLLCALL_TEST_KAFKA_CACHE [.cache/kafka], JAVA_HOME.
TEXT
}

die() { echo "kafka: $*" >&2; exit 1; }

parse() {
  port=${ROLLCALL_TEST_KAFKA_PORT:-19092} nodes=${ROLLCALL_TEST_KAFKA_NODES:-1} keep=no command=${1:-help} node=
  [[ $# -gt 0 ]] && shift
  while [[ $# -gt 0 ]]; do
    case $1 in
      --port | --nodes) [[ $# -ge 2 ]] || die "$1 needs a value"; printf -v "${1#--}" %s "$2"; shift 2 ;;
      --port=* | --nodes=*) local name=${1%%=*}; printf -v "${name#--}" %s "${1#*=}"; shift ;;
      --keep) keep=yes; shift ;;
      [0-9]*) node=$1; shift ;;
      *) die "unknown argument $1 (kafka.sh help)" ;;
    esac
  done
  [[ $port =~ ^[0-9]+$ && $port -ge 1024 && $port -le 65400 ]] || die "--port is a number from 1024 to 65400, not '$port'"
  [[ $nodes == 1 || $nodes == 3 ]] || die "--nodes is 1 or 3, not '$nodes'"
  run=${ROLLCALL_TEST_KAFKA_CACHE:-$(cd "$here/../.." && pwd)/.cache/kafka}/run-$port
}

# A later command needs to know how the nodes were started, not to be told again.
recall() {
  [[ -f $run/nodes ]] || die "nothing was started on port $port"
  nodes=$(cat "$run/nodes")
}

need_node() {
  [[ $node =~ ^[0-9]+$ && $node -ge 1 && $node -le $nodes ]] || die "$command needs a node from 1 to $nodes"
}

brokers() {
  local n list=()
  for n in $(seq "$nodes"); do list+=("127.0.0.1:$(broker_port "$n")"); done
  (IFS=,; echo "${list[*]}")
}

wait_ready() { # NODE…: until each of them sees every node
  local deadline=$((SECONDS + ${ROLLCALL_TEST_KAFKA_START_TIMEOUT:-90})) n
  for n in "$@"; do
    until [[ $(live_brokers "$(broker_port "$n")") -ge $want ]]; do
      node_pid "$n" >/dev/null || die "node $n ended: $(tail -n 3 "$(node_dir "$n")"/console.log "$(node_dir "$n")"/server.log 2>/dev/null)"
      [[ $SECONDS -lt $deadline ]] || die "node $n does not answer; see $(node_dir "$n")/server.log"
      sleep 0.2
    done
  done
}

free_or_die() {
  local n p
  for n in $(seq "$nodes"); do
    for p in "$(broker_port "$n")" "$(controller_port "$n")"; do
      if (exec 3<>"/dev/tcp/127.0.0.1/$p") 2>/dev/null; then die "port $p is taken; choose another with --port"; fi
    done
  done
}

start() {
  local n id
  for n in 1 2 3; do
    if node_pid "$n" >/dev/null; then die "already running on port $port (kafka.sh stop --port $port)"; fi
  done
  java=$(java_bin)
  libs=$("$here/fetch.sh")
  [[ $keep == yes && -f $run/nodes ]] && recall || keep=no
  free_or_die
  if [[ $keep == no ]]; then
    rm -rf "$run"
    mkdir -p "$run"
    echo "$nodes" >"$run/nodes"
    id=$(head -c 16 /dev/urandom | base64 | tr '+/' '-_' | tr -d '=')
    # A leading dash would be read as a flag.
    id=r${id:1}
    for n in $(seq "$nodes"); do node_format "$n" "$id"; done
  fi
  trap 'halt' ERR EXIT
  for n in $(seq "$nodes"); do node_start "$n"; done
  want=$nodes
  wait_ready $(seq "$nodes")
  trap - ERR EXIT
  echo "kafka: ready at $(brokers)"
}

# halt stops every node: kindly, and after 10 s by force (the last controllers
# of a quorum that is going away can't finish a controlled shutdown).
halt() {
  local n
  for n in $(seq "$nodes"); do node_signal "$n" CONT; node_signal "$n" TERM; done
  for n in $(seq "$nodes"); do
    node_gone "$n" 10 || { node_signal "$n" KILL; node_gone "$n" 10; }
    rm -f "$(node_dir "$n")/pid"
  done
}

status() {
  local n pid down=0
  for n in $(seq "$nodes"); do
    if pid=$(node_pid "$n"); then
      echo "node $n: pid $pid, 127.0.0.1:$(broker_port "$n"), sees $(live_brokers "$(broker_port "$n")") of $nodes brokers"
    else
      echo "node $n: not running"
      down=1
    fi
  done
  return $down
}

restart() {
  if node_pid "$node" >/dev/null; then die "node $node runs (kill or stop it first)"; fi
  java=$(java_bin)
  libs=$("$here/fetch.sh")
  node_start "$node"
  want=1
  wait_ready "$node"
}

source "$here/node.sh"
parse "$@"
case $command in
  start) start ;;
  stop) [[ -f $run/nodes ]] || exit 0; recall; halt ;;
  status) recall; status ;;
  env) recall; echo "export ROLLCALL_TEST_BROKERS=$(brokers)" ;;
  kill) recall; need_node; node_signal "$node" KILL; node_gone "$node" 10 ;;
  pause) recall; need_node; node_signal "$node" STOP ;;
  resume) recall; need_node; node_signal "$node" CONT ;;
  restart) recall; need_node; restart ;;
  help | -h | --help) usage ;;
  *) usage >&2; die "unknown command $command" ;;
esac
