#!/usr/bin/env bash
# Checks what can be checked without a Docker engine: the compose file, the
# balancer's file, that every command line is understood by the real binary, and
# that every binary builds as the Dockerfile builds it. Run `make build` first.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/../.." && pwd)
bin=${ROLLCALL_BIN:-$root/bin}

die() { echo "compose: $*" >&2; exit 1; }

compose_file() {
  if docker compose version >/dev/null 2>&1; then
    docker compose -f "$here/compose.yaml" config -q || die "docker compose refuses compose.yaml"
    echo "ok: compose.yaml, by docker compose"
  elif command -v docker-compose >/dev/null; then
    # Version 1 doesn't know a file's name; it takes what it reads as relative to itself.
    local copy=$here/.compose-v1.yaml code=0
    grep -v '^name:' "$here/compose.yaml" >"$copy"
    docker-compose -f "$copy" config -q || code=$?
    rm -f "$copy"
    [[ $code == 0 ]] || die "docker-compose refuses compose.yaml"
    echo "ok: compose.yaml, by docker-compose"
  else
    echo "skipped: no docker compose here; compose.yaml is only read as YAML"
  fi
}

balancer_file() {
  command -v haproxy >/dev/null || { echo "skipped: no haproxy here to read haproxy.cfg"; return; }
  BALANCER_LISTEN=127.0.0.1:8080 EDGE_A=127.0.0.1:8180 EDGE_A_OPS_PORT=8190 \
    EDGE_B=127.0.0.1:8280 EDGE_B_OPS_PORT=8290 haproxy -c -q -f "$here/haproxy.cfg" || die "haproxy refuses haproxy.cfg"
  echo "ok: haproxy.cfg, by $(haproxy -v | head -1 | cut -d' ' -f1-3)"
}

command_lines() {
  local name binary flag flags help lines
  lines=$(python3 "$here/commands.py" "$here/compose.yaml")
  while IFS=$'\t' read -r name binary flags; do
    [[ -x $bin/$binary ]] || die "$bin/$binary is missing: make build"
    help=$("$bin/$binary" --help)
    for flag in $flags; do
      grep -qE -- "(^|[ ,])${flag%%=*}([ =,[]|$)" <<<"$help" || die "$name: $binary has no flag ${flag%%=*}"
    done
    # It parses them all before it shows its help.
    "$bin/$binary" $flags --help >/dev/null || die "$name: $binary does not accept: $flags"
    echo "ok: $name"
  done <<<"$lines"
}

# The build stage's own line, on the files of the commit without those that
# Dockerfile.dockerignore leaves out.
images() {
  local copy service module
  copy=$(mktemp -d)
  trap 'rm -rf "$copy"' RETURN
  (cd "$root" && git ls-files --cached --others --exclude-standard -- events internal services deploy/standalone |
    grep -v '_test\.go$' | tar -cf - -T - --ignore-failed-read 2>/dev/null) | tar -xf - -C "$copy"
  for service in edge presence notifier standalone; do
    module=services/$service
    [[ -d $copy/$module ]] || module=deploy/$service
    (cd "$copy/$module" && GOWORK=off CGO_ENABLED=0 go build -trimpath -ldflags='-s -w' -o "$copy/$service.out" "./cmd/$service") ||
      die "$service does not build as the Dockerfile builds it"
    echo "ok: $service builds, $(du -m "$copy/$service.out" | cut -f1) MB"
  done
}

compose_file
balancer_file
command_lines
images
