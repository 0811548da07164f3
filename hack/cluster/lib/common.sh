# Names, places and processes of the cluster. Sourced.

here=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
root=$(cd "$here/../.." && pwd)
bin=$root/bin/cluster

# What outlives a stop is in data, what does not in run; neither is in the
# checkout, where a mount would be in the way of whoever cleans it.
data=/var/lib/weft-cluster
run=/run/weft-cluster
pki=$data/pki
logs=$data/log
kubeconfig=$root/.cluster/kubeconfig

# The node is a network namespace with one wire to the machine. All addresses
# are of the range for benchmarks (RFC 2544), which no network routes.
ns=weft-cluster
host_address=198.18.8.1
node_address=198.18.8.2
node_range=198.18.8.0/30
pod_range=198.18.0.0/21
service_range=198.19.0.0/16
api_service=198.19.0.1
dns_service=198.19.0.10
ingress_service=198.19.0.80
registry=$node_address:5000

PATH=$PATH:/usr/sbin:/sbin # where Debian puts what users do not look for

begun=$SECONDS
say() { printf 'cluster: %3d s  %s\n' $((SECONDS - begun)) "$*" >&2; }
die() { echo "cluster: $*" >&2; exit 1; }

need_root() {
	[[ $(uname -s) == Linux ]] || die "a cluster of its own needs Linux; elsewhere set KUBECONFIG to one that has Knative, KEDA and Dapr"
	[[ $(id -u) == 0 ]] || die "network namespaces, mounts and containers need root: sudo -E env PATH=\$PATH make $1"
}

# One up, down or check at a time; what they start does not hold the lock.
lock() {
	exec 9>/run/weft-cluster.lock
	flock -n 9 || die "another cluster-up or cluster-down is at work"
}

inside() { nsenter --net="/run/netns/$ns" "$@"; }
kubectl() { "$bin/kubectl" --kubeconfig "$pki/admin.kubeconfig" "$@"; }
ctr() { command ctr --address "$run/containerd.sock" --namespace k8s.io "$@"; }

# When a process started: with its number, this names it for good. Nothing for
# one that has ended, also if nobody has asked how.
born() { # PID
	local stat
	stat=$(cat "/proc/$1/stat" 2>/dev/null) || return 1
	# The name may hold spaces; what comes after starts at its last bracket.
	awk '$1 != "Z" {print $20}' <<<"${stat##*) }"
}

# daemon starts a program of the node and records it.
daemon() { # NAME COMMAND...
	local name=$1
	shift
	nsenter --net="/run/netns/$ns" setsid "$@" >>"$logs/$name.log" 2>&1 </dev/null 9>&- &
	echo "$! $(born $!)" >"$run/pid/$name"
	disown $!
}

alive() { # NAME
	local pid start
	read -r pid start 2>/dev/null <"$run/pid/$1" && [[ -n $start && $(born "$pid") == "$start" ]]
}

stop() { # NAME [SECONDS]
	local pid start end=$((SECONDS + ${2:-10}))
	alive "$1" || { rm -f "$run/pid/$1"; return 0; }
	read -r pid start <"$run/pid/$1"
	kill "$pid" 2>/dev/null || true
	while alive "$1"; do
		[[ $SECONDS -lt $end ]] || kill -KILL "$pid" 2>/dev/null || true
		sleep 0.05
	done
	rm -f "$run/pid/$1"
}

# await runs a command until it succeeds; a daemon that ends meanwhile, or
# takes too long, is an error that shows its log.
await() { # SECONDS NAME COMMAND...
	local end=$((SECONDS + $1)) name=$2
	shift 2
	until "$@" >/dev/null 2>&1; do
		if ! alive "$name" || [[ $SECONDS -ge $end ]]; then
			tail -15 "$logs/$name.log" >&2
			die "$name did not get ready: its log is $logs/$name.log"
		fi
		sleep 0.1
	done
}
