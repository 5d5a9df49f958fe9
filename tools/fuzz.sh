#!/usr/bin/env bash
# Runs every fuzzer for a while: tools/fuzz.sh [DURATION, 10s]
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
duration=${1:-10s}
git ls-files --cached --others --exclude-standard -- '*_test.go' | xargs grep -lE '^func Fuzz' | sort |
  while read -r file; do
    for name in $(sed -nE 's/^func (Fuzz[A-Za-z0-9_]*)\(.*/\1/p' "$file"); do
      echo "fuzz: $name in $(dirname "$file")"
      go test -run '^$' -fuzz "^$name\$" -fuzztime "$duration" "./$(dirname "$file")" </dev/null
    done
  done
