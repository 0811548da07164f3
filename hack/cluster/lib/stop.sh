# Stopping the cluster. Sourced, after common.sh.

daemons=(kubelet kube-proxy kube-scheduler kube-controller-manager containerd registry kube-apiserver etcd)

all_alive() {
	local name
	for name in "${daemons[@]}"; do alive "$name" || return 1; done
}

# The processes of pods, in whatever version of cgroups there is.
pod_processes() {
	find /sys/fs/cgroup -path '*/kubepods*' -name cgroup.procs -exec cat {} + 2>/dev/null | sort -u || true
}

# no_other_node: two kubelets would take each other's pods for their own.
no_other_node() {
	[[ -z $(pod_processes) ]] || die "pods of another Kubernetes run on this machine; set KUBECONFIG to that one"
	ip route get "$node_address" 2>/dev/null | grep -q 'dev weft-cluster' ||
		[[ -z $(ip -o address show to 198.18.0.0/15) ]] || die "addresses of 198.18.0.0/15 are in use on this machine"
}

# take_down stops every process and takes away mounts, network and cgroups, also
# of a start that was interrupted. It does nothing where there is nothing.
take_down() {
	local name pids mount
	[[ -d $run ]] || [[ -e /run/netns/$ns ]] || return 0
	say "stopping"
	rm -f "$run/up"
	# First those that would start pods anew, then the pods, then the rest.
	for name in kubelet kube-proxy kube-scheduler kube-controller-manager; do stop "$name"; done
	while pids=$(pod_processes) && [[ -n $pids ]]; do
		# shellcheck disable=SC2086 # one word each
		kill -KILL $pids 2>/dev/null || true
		sleep 0.05
	done
	for name in containerd registry kube-apiserver etcd; do stop "$name"; done
	# Shims, and what an interrupted start did not get to record: everything in
	# a network namespace that is ours alone.
	while pids=$(ip netns pids "$ns" 2>/dev/null) && [[ -n $pids ]]; do
		# shellcheck disable=SC2086
		kill -KILL $pids 2>/dev/null || true
		sleep 0.05
	done
	awk -v a="$data/" -v b="$run/" 'index($2, a) == 1 || index($2, b) == 1 {print $2}' /proc/mounts | sort -r |
		while read -r mount; do umount -l "$(printf '%b' "$mount")"; done
	# Rules of iptables and the bridge go with the namespace.
	[[ ! -e /run/netns/$ns ]] || ip netns delete "$ns"
	ip link delete weft-cluster 2>/dev/null || true
	find /sys/fs/cgroup -depth -type d -path '*/kubepods*' -exec rmdir {} + 2>/dev/null || true
	rm -rf "$run"
}
