#!/bin/sh
# Writes what is made from the types of api/: deep copies, the custom resource
# definition and the JSON Schema; and, from the manifests, a Helm chart. With
# --check it writes nothing and fails if any of them is stale.
set -eu
cd "$(dirname "$0")/.."

deepcopy=api/v1beta1/zz_generated.deepcopy.go
crd=functions.openfunction.io_functionmeshes.yaml
schema=functionmesh.json

tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT

# The tool has a module of its own, so that it never weighs on ours.
go -C hack/tools build -o "$tmp/controller-gen" sigs.k8s.io/controller-tools/cmd/controller-gen
"$tmp/controller-gen" \
	object crd paths=./api/... \
	output:object:dir="$tmp" output:crd:dir="$tmp"
go run ./manifests/generate schema "$tmp/$crd" "$tmp/$schema"

stale=0
place() {
	cmp -s "$1" "$2" && return
	if [ "${check:-}" ]; then
		echo "$2 is stale" >&2
		stale=1
	else
		mkdir -p "$(dirname "$2")"
		cp "$1" "$2"
		echo "wrote $2"
	fi
}

case "${1:-}" in
"") ;;
--check) check=yes ;;
*)
	echo "usage: hack/generate.sh [--check]" >&2
	exit 2
	;;
esac

place "$tmp/zz_generated.deepcopy.go" $deepcopy
place "$tmp/$crd" manifests/crd/$crd
place "$tmp/$schema" manifests/schema/$schema

# The chart is made of the definition too, as it is now.
go run ./manifests/generate chart manifests "$tmp/chart"
for file in $(cd "$tmp/chart" && find . -type f) $(cd manifests/chart 2>/dev/null && find . -type f); do
	if [ -e "$tmp/chart/$file" ]; then
		place "$tmp/chart/$file" "manifests/chart/${file#./}"
	else
		echo "manifests/chart/${file#./} is in no chart: remove it" >&2
		stale=1
	fi
done

if [ $stale != 0 ]; then
	echo "run hack/generate.sh and commit what it writes" >&2
	exit 1
fi
