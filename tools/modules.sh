#!/usr/bin/env bash
# Prints the directories of the workspace's modules, or of those named by a
# pattern: tools/modules.sh 'events/*'
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
go work edit -json | sed -n 's#.*"DiskPath": "\./\(.*\)".*#\1#p' | while read -r dir; do
  # shellcheck disable=SC2053 # a pattern on purpose
  if [[ $dir == ${1:-*} ]]; then echo "$dir"; fi
done
