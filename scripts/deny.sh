#!/bin/sh
# Licences, bans and sources of every dependency, by cargo-deny (installed when it is missing).
# Known vulnerabilities need the advisory database, which is fetched: where it cannot be, that check alone is left out
# and said so.
set -eu
cd "$(dirname "$0")/.."
command -v cargo-deny >/dev/null || cargo install --quiet --locked cargo-deny
cargo deny --log-level error check licenses bans sources
if timeout 60 cargo deny --log-level error fetch db >/dev/null 2>&1; then
    cargo deny --log-level error check advisories
else
    echo "advisories: not checked, the advisory database cannot be fetched here"
fi
