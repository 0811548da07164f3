#!/usr/bin/env bash
# Builds the programs of a cluster into bin/cluster, from the modules pinned in
# modules/: no compiler but Go's, nothing fetched but Go modules.
#
#   hack/cluster/build.sh SET...
#
#   kubernetes-api   etcd, kube-apiserver, kube-controller-manager, kubectl
#   kubernetes       these, and kube-scheduler, kubelet, kube-proxy
#   knative ingress coredns metrics-server keda dapr helm nats tools   as named
#   all              everything
#
# A set takes minutes the first time on two cores, and a moment while its
# module, the version of Go and how it is built stay as they are.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"
source lib/modules.sh
root=$(cd ../.. && pwd)
out=$root/bin/cluster

say() { echo "cluster: $*" >&2; }
die() { say "$*"; exit 1; }

# build makes programs from one module, unless the stamp of the last time says
# that they are as they would be.
build() { # SET DIR LDFLAGS TAGS NAME=PACKAGE...
	local set=$1 module=$2 ldflags="-s -w $3" tags=$4 trim=-trimpath program stamp missing='' start=$SECONDS
	shift 4
	[[ $module != ../daprd ]] || trim= # as daprd.sh builds it, so that one compilation serves both
	stamp=$({ go version; echo "$ldflags $tags $*"; cat "$module"/go.mod "$module"/go.sum "$module"/*.go 2>/dev/null || true; } | sha256sum)
	for program in "$@"; do
		[[ -x $out/${program%%=*} ]] || missing=yes
	done
	[[ -n $missing || $stamp != "$(cat "$out/.stamps/$set" 2>/dev/null)" ]] || return 0
	say "building $set"
	mkdir -p "$out/.stamps"
	for program in "$@"; do
		CGO_ENABLED=0 go -C "$module" build $trim -tags "$tags" -ldflags "$ldflags" \
			-o "$out/${program%%=*}" "${program#*=}"
	done
	echo "$stamp" >"$out/.stamps/$set"
	say "built $set in $((SECONDS - start)) s"
}

kubernetes() { # SET PROGRAM...
	local set=$1 version flags="-X k8s.io/component-base/version" program programs=()
	shift
	version=$(module_version modules/kubernetes k8s.io/kubernetes)
	for program in "$@"; do programs+=("$program=k8s.io/kubernetes/cmd/$program"); done
	# Without these it calls itself v0.0.0, and Knative refuses to run.
	build "$set" modules/kubernetes \
		"$flags.gitVersion=$version $flags.gitMajor=1 $flags.gitMinor=$(cut -d. -f2 <<<"$version")" \
		'' "${programs[@]}"
}

one() { # SET
	local p programs=() version
	case $1 in
	kubernetes-api)
		build etcd modules/etcd '' '' etcd=go.etcd.io/etcd/server/v3
		kubernetes kubernetes-api kube-apiserver kubectl kube-controller-manager
		;;
	kubernetes)
		one kubernetes-api
		kubernetes kubernetes kube-scheduler kubelet kube-proxy
		;;
	knative)
		for p in controller webhook autoscaler autoscaler-hpa activator queue; do
			programs+=("knative-$p=knative.dev/serving/cmd/$p")
		done
		build knative modules/knative '' '' "${programs[@]}"
		;;
	ingress) build ingress modules/ingress '' '' traefik=github.com/traefik/traefik/v3/cmd/traefik ;;
	coredns) build coredns modules/coredns '' '' coredns=. ;;
	metrics-server)
		build metrics-server modules/metrics-server '' '' \
			metrics-server=sigs.k8s.io/metrics-server/cmd/metrics-server
		;;
	keda)
		p=github.com/kedacore/keda/v2/cmd
		build keda modules/keda '' '' keda=$p/operator keda-adapter=$p/adapter keda-admission-webhooks=$p/webhooks
		;;
	dapr)
		p=github.com/dapr/dapr
		version=$(module_version ../daprd $p)
		version="-X $p/pkg/buildinfo.version=${version#v}"
		build dapr ../daprd "$version" '' \
			dapr-operator=$p/cmd/operator dapr-sentry=$p/cmd/sentry dapr-injector=$p/cmd/injector
		build daprd ../daprd "$version" 'stablecomponents jetstream smtp' daprd=.
		;;
	helm) build helm modules/helm '' '' helm=helm.sh/helm/v3/cmd/helm ;;
	nats) build nats "$root" '' '' nats-server=github.com/nats-io/nats-server/v2 ;;
	tools) # small and of this repository: Go itself knows whether they changed
		mkdir -p "$out"
		CGO_ENABLED=0 go -C "$root" build -o "$out/" ./hack/cluster/image ./hack/cluster/pause ./hack/cluster/registry
		;;
	all) for p in "${sets[@]}"; do one "$p"; done ;;
	*) die "there is no set $1; there are kubernetes-api ${sets[*]} and all" ;;
	esac
}

sets=(kubernetes knative ingress coredns metrics-server keda dapr helm nats tools)
[[ $# -gt 0 ]] || die "which set? There are kubernetes-api ${sets[*]} and all"
for set in "$@"; do one "$set"; done
