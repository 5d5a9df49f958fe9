#!/usr/bin/env bash
# Looks at all that is written by hand; changes nothing. Prints what is wrong
# and how to mend it, and goes on, so that one run shows everything.
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
failed=0

wrong() { # WHAT HOW
  echo "lint: $1${2:+ ($2)}" >&2
  failed=1
}

step() { echo "lint: $*"; }

# In a clone these are the files of the commit; while working, new ones too.
files() { git ls-files --cached --others --exclude-standard -- "$@" | while read -r f; do [[ -f $f ]] && echo "$f"; done; }

step gofmt
unformatted=$(files '*.go' | xargs gofmt -l)
[[ -z $unformatted ]] || wrong "not formatted: ${unformatted//$'\n'/ }" "gofmt -w"

step go vet
go vet work && go vet -tags kafka3 ./test/chaos || wrong "go vet"

step go fix
go fix -diff work || wrong "go fix has a newer way" "go fix work"

step staticcheck
GOWORK=off go -C tools build -o ../.cache/tools/ tool &&
  .cache/tools/staticcheck work || wrong "staticcheck"

# As a Docker build sees it: no workspace, only replace lines, and no C.
for module in $(tools/modules.sh); do
  [[ -n $(files "$module/*.go") ]] || continue
  step "$module alone"
  (cd "$module" && GOWORK=off CGO_ENABLED=0 go build ./...) || wrong "$module does not build alone"
  (cd "$module" && GOWORK=off go mod tidy -diff) || wrong "$module/go.mod is not tidy" "GOWORK=off go mod tidy"
done

step text
todo='TO''DO|FIX''ME'
! files | xargs grep -nIE "\b($todo)\b" || wrong "unfinished" "finish it, or make it an issue"
while read -r script; do
  bash -n "$script" || wrong "$script"
done < <(files '*.sh' .ci/run)

exit $failed
