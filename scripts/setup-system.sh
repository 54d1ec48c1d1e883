#!/bin/sh
# What the build needs besides Rust and Python. As root, Debian's packages are installed; otherwise this says which
# are missing, all at once: the data set's too, without which the build goes on (scripts/setup-data.sh).
set -eu

missing=
here=$(dirname "$0")
need() { command -v "$1" >/dev/null || missing="$missing $2"; }
need cc gcc
need c++ g++
need make make
rust=
command -v cargo >/dev/null || rust="there is no cargo here; install Rust (https://rustup.rs)"
command -v "${PYTHON:-python3}" >/dev/null || missing="$missing python3"
"${PYTHON:-python3}" -c 'import ensurepip, venv' 2>/dev/null || missing="$missing python3-venv"

[ -n "$missing$rust" ] || exit 0
[ -z "$rust" ] || echo "error: $rust" >&2
if [ -n "$missing" ] && ! command -v apt-get >/dev/null; then
    echo "error: missing here:$missing (names of Debian's packages)" >&2
    exit 1
fi
if [ -n "$missing" ] && [ "$(id -u)" -ne 0 ]; then
    "$here/setup-data.sh" --find >/dev/null || missing="$missing dataset-fashion-mnist"
    echo "error: missing here; run: sudo apt-get install$missing" >&2
    exit 1
fi
[ -z "$rust" ] || exit 1
export DEBIAN_FRONTEND=noninteractive
apt-get update -qq
# Unquoted: a list of packages.
apt-get install -y -qq $missing >/dev/null
echo "installed:$missing"
