#!/usr/bin/env bash
# Holds events/schema/asyncapi.yaml against the official JSON Schema of
# AsyncAPI 3.0, which is in an npm package. Needs npm, once the network, and Go.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"
version=6.11.1
dir=../../.cache/asyncapi-specs-$version
if [[ ! -f $dir/package/schemas/3.0.0.json ]]; then
  mkdir -p "$dir"
  (cd "$dir" && npm pack --silent "@asyncapi/specs@$version" >/dev/null && tar xzf asyncapi-specs-$version.tgz)
fi
ROLLCALL_ASYNCAPI_SCHEMA=$(cd "$dir" && pwd)/package/schemas/3.0.0.json \
  go test -count=1 -run 'AsyncAPI' -v . "$@"
