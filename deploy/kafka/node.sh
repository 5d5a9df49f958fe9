# One Kafka node: its files, its process. Sourced by kafka.sh, which sets
# run (directory), port (first broker port), nodes, libs and here.

node_dir() { echo "$run/node-$1"; }
broker_port() { echo $((port + $1 - 1)); }
controller_port() { echo $((port + 100 + $1 - 1)); }

# java_bin prints the java to use, or fails: Kafka 4 brokers need 17 or newer.
java_bin() {
  local java=${JAVA_HOME:+$JAVA_HOME/bin/}java major
  command -v "$java" >/dev/null || die "java 17 or newer is needed (Debian: apt-get install openjdk-17-jre-headless)"
  major=$("$java" -XshowSettings:properties -version 2>&1 | sed -n 's/.*java.specification.version = //p')
  [[ ${major%%.*} -ge 17 ]] || die "java 17 or newer is needed, $java is $major"
  echo "$java"
}

voters() {
  local n list=()
  for n in $(seq "$nodes"); do list+=("$n@127.0.0.1:$(controller_port "$n")"); done
  (IFS=,; echo "${list[*]}")
}

node_properties() {
  local replicas=$nodes in_sync=1
  [[ $nodes -ge 3 ]] && replicas=3 in_sync=2
  cat <<PROPERTIES
process.roles=broker,controller
node.id=$1
listeners=PLAINTEXT://127.0.0.1:$(broker_port "$1"),CONTROLLER://127.0.0.1:$(controller_port "$1")
advertised.listeners=PLAINTEXT://127.0.0.1:$(broker_port "$1")
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT
controller.listener.names=CONTROLLER
controller.quorum.voters=$(voters)
log.dirs=$(node_dir "$1")/data
# kafka-go's metadata requests always ask for creation: a typo must not make a topic.
auto.create.topics.enable=false
default.replication.factor=$replicas
min.insync.replicas=$in_sync
offsets.topic.replication.factor=$replicas
transaction.state.log.replication.factor=$replicas
transaction.state.log.min.isr=$in_sync
share.coordinator.state.topic.replication.factor=$replicas
share.coordinator.state.topic.min.isr=$in_sync
# Internal topics have 50 partitions each by default: seconds of start time for nothing.
offsets.topic.num.partitions=8
transaction.state.log.num.partitions=8
group.initial.rebalance.delay.ms=0
# A test that waits for the log cleaner shall not wait for its pauses of 15 s.
log.cleaner.backoff.ms=100
num.network.threads=2
num.io.threads=4
PROPERTIES
}

node_format() { # N CLUSTER_ID
  local dir; dir=$(node_dir "$1")
  mkdir -p "$dir"
  node_properties "$1" >"$dir/server.properties"
  "$java" -Xmx128m -cp "$libs/*" kafka.tools.StorageTool format \
    --cluster-id "$2" --config "$dir/server.properties" >"$dir/format.log" 2>&1 ||
    die "formatting node $1 failed: $(tail -3 "$dir/format.log")"
}

node_start() { # N
  local dir; dir=$(node_dir "$1")
  # Its own session: a Ctrl-C meant for the tests must not race the stop.
  setsid "$java" -Xms128m -Xmx"${ROLLCALL_TEST_KAFKA_HEAP:-768m}" -XX:+UseG1GC -XX:MaxGCPauseMillis=20 \
    -Djava.awt.headless=true -Drollcall.log="$dir/server.log" \
    -Dlog4j2.configurationFile="$here/log4j2.properties" \
    -cp "$libs/*" kafka.Kafka "$dir/server.properties" \
    >"$dir/console.log" 2>&1 </dev/null 8>&- &
  echo $! >"$dir/pid"
}

# node_pid prints the pid of a living node, else fails. The command line is
# compared, so that a stale pid file never makes us signal a stranger.
node_pid() { # N
  local dir pid; dir=$(node_dir "$1")
  pid=$(cat "$dir/pid" 2>/dev/null) || return 1
  ps -o args= -p "$pid" 2>/dev/null | grep -qF -- "$dir/server.properties" || return 1
  echo "$pid"
}

node_signal() { # N SIGNAL
  local pid; pid=$(node_pid "$1") || return 0
  kill -s "$2" "$pid" 2>/dev/null || true
}

node_gone() { # N SECONDS: true once the process has ended
  local deadline=$((SECONDS + $2))
  while node_pid "$1" >/dev/null; do
    [[ $SECONDS -lt $deadline ]] || return 1
    sleep 0.1
  done
}

# live_brokers asks a broker for Metadata (version 1, no topics) and prints how
# many brokers it knows as alive; 0 while it doesn't answer. The request is
# size, api key 3, version 1, correlation id, null client id, empty array; the
# answer is size, correlation id, then the count of brokers.
live_brokers() { # PORT
  local hex
  hex=$(timeout 2 bash -c '
    exec 3<>/dev/tcp/127.0.0.1/'"$1"' || exit 1
    printf "\0\0\0\016\0\003\0\001\0\0\0\007\377\377\0\0\0\0" >&3
    head -c 12 <&3 | od -An -v -tx1 | tr -d " \n"' 2>/dev/null) || true
  [[ ${#hex} -eq 24 ]] && echo $((16#${hex:16:8})) || echo 0
}
