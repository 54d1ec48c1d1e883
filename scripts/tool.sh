#!/bin/sh
# Prints the path of a tool that the checks use, at the version given here; builds it first where it is missing.
#
#   scripts/tool.sh helm | helm3 | helm-unittest
#
# Exit code 3: it is missing and there is no Go to build it with.
set -eu
cd "$(dirname "$0")/.."
command=${1-}
case $command in
helm) module=helm.sh/helm/v4@v4.3.1 ;;
# What most people still have.
helm3) module=helm.sh/helm/v3@v3.22.0 command=helm ;;
# Renders with Helm 3's engine, as `helm` does with Helm 4's.
helm-unittest) module=github.com/helm-unittest/helm-unittest@v1.1.2 ;;
*)
    sed -n '2,4s/^# \{0,1\}//p' "$0" >&2
    exit 2
    ;;
esac
# The test cluster brings a helm of its own.
for folder in target/cluster/bin target/tools; do
    if [ -x "$folder/$1" ]; then
        echo "$PWD/$folder/$1"
        exit 0
    fi
done
go=$(scripts/go.sh) || {
    echo "$1 is not here, and there is no Go to build it with" >&2
    exit 3
}
PATH=$(dirname "$go"):$PATH
echo "building $module, once" >&2
# In its own folder, where its `replace` directives hold; `go install` refuses them.
source=$(cd / && go mod download -json "$module" | sed -n 's/^.*"Dir": "\(.*\)",*$/\1/p')
CGO_ENABLED=0 go -C "$source" build -trimpath -ldflags '-s -w' -o "$PWD/target/tools/$1" "./cmd/$command"
echo "$PWD/target/tools/$1"
