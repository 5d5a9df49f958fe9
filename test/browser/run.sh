#!/usr/bin/env bash
# Opens the demo page in headless Chromium, against bin/standalone or the page
# at ROLLCALL_PAGE_URL. Screenshots go to artifacts/browser/. Arguments: test files.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"
chromium=${ROLLCALL_CHROMIUM:-/usr/bin/chromium}
if [[ ! -x $chromium ]]; then
  [[ $(id -u) == 0 ]] && command -v apt-get >/dev/null ||
    { echo "browser: $chromium is missing (Debian: apt-get install chromium, or set ROLLCALL_CHROMIUM)" >&2; exit 1; }
  apt-get update -qq
  DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends chromium fonts-dejavu-core >/dev/null
fi
npm ci --no-audit --no-fund --silent
# Of this run only: screenshots, and what each process said.
export ROLLCALL_ARTIFACTS=${ROLLCALL_ARTIFACTS:-$(cd ../.. && pwd)/artifacts}/browser
rm -rf "$ROLLCALL_ARTIFACTS"
exec node --test --test-concurrency=1 --test-timeout=180000 --test-reporter=spec "$@"
