#!/bin/sh
# What the build needs besides Rust and Python. As root, Debian's packages are installed; otherwise this says which
# are missing.
set -eu

missing=
need() { command -v "$1" >/dev/null || missing="$missing $2"; }
need cc gcc
need c++ g++
need make make
command -v cargo >/dev/null || {
    echo "error: there is no cargo here; install Rust first (https://rustup.rs)" >&2
    exit 1
}
command -v "${PYTHON:-python3}" >/dev/null || missing="$missing python3"
"${PYTHON:-python3}" -c 'import ensurepip, venv' 2>/dev/null || missing="$missing python3-venv"

[ -z "$missing" ] && exit 0
if ! command -v apt-get >/dev/null; then
    echo "error: missing here:$missing (names of Debian's packages)" >&2
    exit 1
fi
if [ "$(id -u)" -ne 0 ]; then
    echo "error: missing here; run: sudo apt-get install$missing" >&2
    exit 1
fi
export DEBIAN_FRONTEND=noninteractive
apt-get update -qq
# Unquoted: a list of packages.
apt-get install -y -qq $missing >/dev/null
echo "installed:$missing"
