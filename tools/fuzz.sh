#!/usr/bin/env bash
# Runs every fuzzer for a while: tools/fuzz.sh [DURATION, 10s]
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
duration=${1:-10s}
log=$(mktemp)
trap 'rm -f "$log"' EXIT
failed=0

# Up to go1.26 the end of -fuzztime can itself come out as a failure, of no
# input (golang/go#75804): one that says nothing but this is none.
only_the_end() {
  ! grep -qE 'Failing input written|panic:|^ +fuzzing process' "$log" &&
    [[ $(grep -A1 -E '^--- FAIL' "$log" | tail -n1) == '    context deadline exceeded' ]]
}

fuzz() { # DIRECTORY NAME
  echo "fuzz: $2 in $1"
  go test -run '^$' -fuzz "^$2\$" -fuzztime "$duration" "./$1" </dev/null 2>&1 | tee "$log" | grep -v '^fuzz: elapsed'
  [[ ${PIPESTATUS[0]} == 0 ]] && return
  if only_the_end; then
    echo "fuzz: $2: no failing input; the failure is the end of its time (golang/go#75804)"
  else
    failed=1
  fi
}

while read -r file; do
  for name in $(sed -nE 's/^func (Fuzz[A-Za-z0-9_]*)\(.*/\1/p' "$file"); do
    fuzz "$(dirname "$file")" "$name"
  done
done < <(git ls-files --cached --others --exclude-standard -- '*_test.go' | xargs grep -lE '^func Fuzz' | sort)
exit $failed
