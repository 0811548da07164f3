# Stopping the cluster. Sourced, after common.sh.

daemons=(kubelet kube-proxy kube-scheduler kube-controller-manager containerd registry kube-apiserver etcd)

all_alive() {
	local name
	for name in "${daemons[@]}"; do alive "$name" || return 1; done
}

# Where pods are, in either version of cgroups. Those of a Kubernetes within
# another container engine, such as kind's, are further down.
pod_groups() { compgen -G '/sys/fs/cgroup/kubepods' || true; compgen -G '/sys/fs/cgroup/*/kubepods' || true; }

pod_processes() {
	local group
	pod_groups | while read -r group; do
		find "$group" -name cgroup.procs -exec cat {} + 2>/dev/null || true
	done | sort -u
}

# no_other_node: two kubelets would take each other's pods for their own.
no_other_node() {
	[[ -z $(pod_processes) ]] || die "pods of another Kubernetes run on this machine; set KUBECONFIG to that one"
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
	pod_groups | while read -r name; do
		find "$name" -depth -type d -exec rmdir {} + 2>/dev/null || true
	done
	rm -rf "$run"
}
