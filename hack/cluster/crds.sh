#!/usr/bin/env bash
# Takes the custom resource definitions of Knative Serving, KEDA and Dapr out of
# their pinned modules, as they are released, into DIR/knative, DIR/keda and
# DIR/dapr: what an API server needs to take their objects without their
# controllers. Needs bin/cluster/kubectl (build.sh kubernetes-api).
#
#   hack/cluster/crds.sh DIR
set -euo pipefail
[[ $# -eq 1 ]] || { sed -n '2,/^set/{/^set/d;s/^# \{0,1\}//;p}' "${BASH_SOURCE[0]}" >&2; exit 2; }
mkdir -p "$1"
dir=$(cd "$1" && pwd)
cd "$(dirname "${BASH_SOURCE[0]}")"
source lib/modules.sh

take() { # NAME FILE...: the files that hold a definition
	local name=$1 file
	shift
	rm -rf "${dir:?}/$name"
	mkdir -p "$dir/$name"
	for file in "$@"; do
		grep -q '^kind: CustomResourceDefinition' "$file" || continue
		install -m 644 "$file" "$dir/$name/$(basename "$file")"
	done
}

serving=$(module_dir modules/knative knative.dev/serving)
networking=$(module_dir modules/knative knative.dev/networking)
caching=$(module_dir modules/knative knative.dev/caching)
keda=$(module_dir modules/keda github.com/kedacore/keda/v2)
dapr=$(module_dir ../daprd github.com/dapr/dapr)

# KEDA mends its generated definitions with patches, without which an API server
# refuses some.
rm -rf "${dir:?}/keda"
mkdir -p "$dir/keda"
../../bin/cluster/kubectl kustomize "$keda/config/crd" >"$dir/keda/keda.yaml"
# The module of Serving lacks what its repository has as links to the others.
take knative "$serving"/config/core/300-resources/*.yaml "$networking"/config/*.yaml "$caching"/config/*.yaml
take dapr "$dapr"/charts/dapr/crds/*.yaml
