#!/bin/sh
# Bring a browser for the tests: one that is there, else Debian's, else Playwright's own.
set -u
for name in chromium chromium-browser google-chrome; do
  command -v "$name" >/dev/null 2>&1 && exit 0
done
if command -v apt-get >/dev/null 2>&1 && [ "$(id -u)" = 0 ]; then
  { apt-get update -qq && apt-get install -y -qq --no-install-recommends chromium; } >/dev/null 2>&1 && exit 0
fi
"$BIN/python" -m playwright install chromium >/dev/null 2>&1 && exit 0
echo "no browser could be installed: the browser tests will be skipped" >&2
exit 0
