#!/usr/bin/env bash
# What someone sees who has nothing but Go, git, make and bash: a clone of HEAD
# with empty caches builds, runs the demo and passes the tests. Prints how long
# each takes.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

scratch=$(mktemp -d "${TMPDIR:-/tmp}/weft-fresh.XXXXXX")
trap 'chmod -R u+w "$scratch"; rm -rf "$scratch"' EXIT
if [[ -n "$(git status --porcelain)" ]]; then
	echo "note: HEAD is cloned; what is not committed is not tried"
fi
git clone --quiet --no-hardlinks . "$scratch/weft"
cd "$scratch/weft"

# Modules come from where the environment says (GOPROXY, GOFLAGS); nothing that
# was fetched or built before is used.
export GOCACHE=$scratch/gocache GOMODCACHE=$scratch/gomodcache
unset "${!WEFT_@}"

step() {
	local start=$SECONDS
	echo "== $*"
	"$@"
	times+=("$(printf '%4d s  %s' $((SECONDS - start)) "$*")")
}
times=()
step go mod download
step make build
step make demo
step make test
printf '%s\n' "" "fresh: all succeeded" "${times[@]}"
