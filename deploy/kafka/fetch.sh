#!/usr/bin/env bash
# Copies Apache Kafka (the version pinned in pom.xml) and what it needs at run
# time into a cache, once, and prints the directory of the jars.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
cache=${ROLLCALL_TEST_KAFKA_CACHE:-$(cd "$here/../.." && pwd)/.cache/kafka}
version=$(sed -n 's:.*<kafka.version>\(.*\)</kafka.version>.*:\1:p' "$here/pom.xml")
libs=$cache/$version/libs

die() { echo "kafka: $*" >&2; exit 1; }

if [[ ! -d $libs ]]; then
  command -v mvn >/dev/null || die "mvn is needed to fetch Kafka $version (Debian: apt-get install maven)"
  mkdir -p "$cache/$version"
  # Several suites may start at once: one fetches, the others wait for it.
  exec 9>"$cache/$version/lock"
  flock -w 600 9 || die "another fetch holds $cache/$version/lock"
  if [[ ! -d $libs ]]; then
    echo "kafka: fetching Apache Kafka $version" >&2
    partial=$(mktemp -d "$cache/$version/partial.XXXXXX")
    trap 'rm -rf "$partial"' EXIT
    # Transfers hang for ever by default; a slow mirror shall fail instead.
    mvn -q -B -ntp -f "$here/pom.xml" dependency:copy-dependencies \
      -DincludeScope=runtime -DoutputDirectory="$partial" \
      -Dmaven.wagon.http.readTimeout=60000 -Dmaven.wagon.http.connectionTimeout=20000 >&2 ||
      die "could not fetch Kafka $version with mvn"
    chmod 755 "$partial"
    mv "$partial" "$libs"
  fi
fi
echo "$libs"
