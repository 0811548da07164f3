#!/usr/bin/env bash
# Stops the cluster that up.sh started: its processes, mounts and network. What
# it knows stays for the next start; --purge removes that too.
#
#   hack/cluster/down.sh [--purge]
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/lib/common.sh"
source "$here/lib/stop.sh"

case ${1:-} in
'' | --purge) ;;
*) die "usage: hack/cluster/down.sh [--purge]" ;;
esac
need_root cluster-down
lock
take_down
if [[ ${1:-} == --purge ]]; then
	# Nothing is mounted below any more: take_down has seen to that.
	rm -rf --one-file-system "$data" "$root/.cluster"
	# Where a kubelet and plugins of containerd write whatever they are told.
	find /var/log/containers -lname "$logs/*" -delete 2>/dev/null || true
	grep -ls "$run/" /var/lib/cni/results/* | xargs -r rm -f
	rmdir /var/lib/cni/results /var/lib/cni /var/log/containers \
		/var/lib/kubelet/device-plugins /var/lib/kubelet 2>/dev/null || true
	say "removed $data; bin/cluster, with programs and images, stays"
fi
say "down"
