#!/usr/bin/env bash
# Runs the suite of stock Node clients against bin/standalone and bin/edge, or
# against the server at ROLLCALL_WS_URL. Arguments: test files (default: all).
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"
npm ci --no-audit --no-fund --silent
# Of this run only: what each process said.
export ROLLCALL_ARTIFACTS=${ROLLCALL_ARTIFACTS:-$(cd ../.. && pwd)/artifacts}/clients
rm -rf "$ROLLCALL_ARTIFACTS"
exec node --test --test-concurrency=1 --test-timeout=120000 --test-reporter=spec "$@"
