#!/usr/bin/env bash
# Starts a Kubernetes of one node on this machine, with Knative Serving, a
# metrics server, KEDA, Dapr, NATS, Redis and a registry, and writes
# .cluster/kubeconfig; see docs/cluster-dev.md. Where KUBECONFIG names another
# cluster, it looks whether that one has what meshes need.
#
#   hack/cluster/up.sh
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/lib/common.sh"
source "$here/lib/pki.sh"
source "$here/lib/images.sh"
source "$here/lib/addons.sh"
source "$here/lib/node.sh"
source "$here/lib/stop.sh"

# Another cluster is only looked at.
examine() {
	local have missing=() kind
	command -v kubectl >/dev/null || "$here/build.sh" kubernetes-api
	have=$(PATH=$PATH:$bin command kubectl get customresourcedefinitions --request-timeout=20s -o name 2> >(grep -v '^E[0-9]' >&2)) ||
		die "the cluster of KUBECONFIG=$KUBECONFIG does not answer; unset it for a cluster on this machine"
	for kind in services.serving.knative.dev scaledobjects.keda.sh components.dapr.io; do
		grep -q "/$kind\$" <<<"$have" || missing+=("$kind")
	done
	[[ ${#missing[@]} -eq 0 ]] ||
		die "the cluster of KUBECONFIG=$KUBECONFIG lacks ${missing[*]}: meshes need Knative Serving, KEDA and Dapr installed"
	say "the cluster of KUBECONFIG=$KUBECONFIG has Knative Serving, KEDA and Dapr"
	exit 0
}

needed() {
	local program missing=()
	for program in containerd:containerd ctr:containerd runc:runc iptables:iptables conntrack:conntrack \
		ip:iproute2 nsenter:util-linux openssl:openssl redis-server:redis-server; do
		command -v "${program%:*}" >/dev/null || missing+=("${program#*:}")
	done
	[[ -x /usr/lib/cni/bridge ]] || missing+=(containernetworking-plugins)
	[[ ${#missing[@]} -gt 0 ]] || return 0
	[[ ${WEFT_INSTALL:-1} != 0 ]] && command -v apt-get >/dev/null ||
		die "Debian's packages ${missing[*]} are missing: apt-get install --no-install-recommends ${missing[*]}"
	say "installing ${missing[*]}"
	install_packages "${missing[@]}"
}

# Packages start what they bring, unless this file says no.
install_packages() {
	local policy=/usr/sbin/policy-rc.d ours='' log=/tmp/weft-cluster-install.$$ status=0
	if [[ ! -e $policy ]]; then
		ours=1
		printf '#!/bin/sh\nexit 101\n' >"$policy" && chmod +x "$policy"
	fi
	export DEBIAN_FRONTEND=noninteractive
	{ apt-get install -y --no-install-recommends "$@" ||
		{ apt-get update && apt-get install -y --no-install-recommends "$@"; }; } >"$log" 2>&1 </dev/null || status=1
	[[ -z $ours ]] || rm -f "$policy"
	[[ $status == 0 ]] || { tail -5 "$log" >&2; die "apt-get could not install $*; see $log"; }
	rm -f "$log"
}

[[ -z ${KUBECONFIG:-} || $KUBECONFIG == "$kubeconfig" || $KUBECONFIG -ef $kubeconfig ]] || examine
need_root cluster-up
lock
if [[ -e $run/up ]] && all_alive && kubectl get --raw /readyz >/dev/null 2>&1; then
	install -m 600 -D "$pki/admin.kubeconfig" "$kubeconfig"
	say "the cluster is up"
	echo "export KUBECONFIG=$kubeconfig"
	exit 0
fi
needed
as_user "$here/build.sh" all
mkdir -p "$data"
say "packing images"
make_images
take_down # what an interrupted start has left
no_other_node
mkdir -p "$run/pid" "$logs"
for log in "$logs"/*.log; do [[ ! -e $log ]] || mv "$log" "$log.before"; done
snapshotter=$(snapshotter)

say "network, certificates, API server"
network
pki
container_engine "${image[pause]}"
import_images &
importing=$!
control_plane
forget
wait "$importing" || die "images could not be imported into containerd"
say "node"
kubelet
await 60 kubelet kubectl wait --for=condition=Ready node/weft --timeout=1s
install_addons
ready
touch "$run/up"
say "up: Kubernetes $("$bin/kubectl" version --client -o yaml | sed -n 's/.*gitVersion: //p'), registry $registry, public Services at $ingress_service"
echo "export KUBECONFIG=$kubeconfig"
