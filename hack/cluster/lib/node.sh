# The machine as a node: its network, control plane and container engine.
# Sourced, after common.sh.

network() {
	ip netns add "$ns"
	ip link add weft-cluster type veth peer name node netns "$ns"
	ip address add "$host_address/30" dev weft-cluster
	ip link set weft-cluster up
	ip route add "$pod_range" via "$node_address" dev weft-cluster
	ip route add "$service_range" via "$node_address" dev weft-cluster
	inside ip address add "$node_address/30" dev node
	inside ip link set node up
	inside ip link set lo up
	# There is no way out, but what the node itself sends to a Service needs a
	# route before its address is rewritten.
	inside ip route add "$service_range" dev node
	inside sh -c 'echo 1 >/proc/sys/net/ipv4/ip_forward
		echo 1 >/proc/sys/net/bridge/bridge-nf-call-iptables'
}

control_plane() {
	local authn
	daemon etcd "$bin/etcd" --name weft --data-dir "$data/etcd" --log-level warn --unsafe-no-fsync \
		--listen-client-urls http://127.0.0.1:2379 --advertise-client-urls http://127.0.0.1:2379 \
		--listen-peer-urls http://127.0.0.1:2380
	daemon kube-apiserver "$bin/kube-apiserver" --etcd-servers http://127.0.0.1:2379 \
		--advertise-address "$node_address" --secure-port 6443 --service-cluster-ip-range "$service_range" \
		--tls-cert-file "$pki/apiserver.crt" --tls-private-key-file "$pki/apiserver.key" \
		--client-ca-file "$pki/ca.crt" --authorization-mode Node,RBAC \
		--kubelet-client-certificate "$pki/apiserver-kubelet.crt" --kubelet-client-key "$pki/apiserver-kubelet.key" \
		--kubelet-certificate-authority "$pki/ca.crt" --kubelet-preferred-address-types InternalIP \
		--service-account-key-file "$pki/service-account.key" --service-account-signing-key-file "$pki/service-account.key" \
		--service-account-issuer https://kubernetes.default.svc.cluster.local \
		--proxy-client-cert-file "$pki/front-proxy.crt" --proxy-client-key-file "$pki/front-proxy.key" \
		--requestheader-client-ca-file "$pki/front-proxy-ca.crt" --requestheader-allowed-names front-proxy \
		--requestheader-username-headers X-Remote-User --requestheader-group-headers X-Remote-Group \
		--requestheader-extra-headers-prefix X-Remote-Extra- --allow-privileged
	await 60 kube-apiserver kubectl get --raw /readyz
	authn=(--authentication-kubeconfig "$pki/controller-manager.kubeconfig" --bind-address 127.0.0.1 --leader-elect=false)
	daemon kube-controller-manager "$bin/kube-controller-manager" --kubeconfig "$pki/controller-manager.kubeconfig" \
		"${authn[@]}" --root-ca-file "$pki/ca.crt" --service-account-private-key-file "$pki/service-account.key" \
		--use-service-account-credentials --cluster-signing-cert-file "$pki/ca.crt" --cluster-signing-key-file "$pki/ca.key"
	daemon kube-scheduler "$bin/kube-scheduler" --kubeconfig "$pki/scheduler.kubeconfig" \
		--authentication-kubeconfig "$pki/scheduler.kubeconfig" --bind-address 127.0.0.1 --leader-elect=false
}

# overlayfs cannot be had everywhere; copies of every layer can.
snapshotter() {
	local try=$data/overlay-try name=native
	mkdir -p "$try"/{lower,upper,work,merged}
	if mount -t overlay overlay -o "lowerdir=$try/lower,upperdir=$try/upper,workdir=$try/work" "$try/merged" 2>/dev/null; then
		umount "$try/merged"
		name=overlayfs
	fi
	rm -rf "$try"
	echo "$name"
}

container_engine() { # PAUSE-IMAGE
	local etc=$data/containerd-config
	mkdir -p "$etc/cni" "$etc/certs.d/$registry" "$data/registry" "$run/cni-networks"
	cat >"$etc/cni/10-weft.conflist" <<-END
		{"cniVersion": "0.4.0", "name": "weft-cluster", "plugins": [
		  {"type": "bridge", "bridge": "weft-pods", "isDefaultGateway": true, "hairpinMode": true,
		   "ipam": {"type": "host-local", "dataDir": "$run/cni-networks", "ranges": [[{"subnet": "$pod_range"}]]}},
		  {"type": "portmap", "capabilities": {"portMappings": true}}]}
	END
	cat >"$etc/certs.d/$registry/hosts.toml" <<-END
		server = "http://$registry"
		[host."http://$registry"]
		  capabilities = ["pull", "resolve"]
	END
	# restrict_oom_score_adj: a root that may not lower the score of processes
	# could start no container.
	cat >"$etc/config.toml" <<-END
		version = 2
		root = "$data/containerd"
		state = "$run/containerd"
		[grpc]
		  address = "$run/containerd.sock"
		[ttrpc]
		  address = "$run/containerd.sock.ttrpc"
		[plugins."io.containerd.grpc.v1.cri"]
		  sandbox_image = "$1"
		  restrict_oom_score_adj = true
		  netns_mounts_under_state_dir = true
		  [plugins."io.containerd.grpc.v1.cri".containerd]
		    snapshotter = "$snapshotter"
		    [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
		      runtime_type = "io.containerd.runc.v2"
		  [plugins."io.containerd.grpc.v1.cri".cni]
		    bin_dir = "/usr/lib/cni"
		    conf_dir = "$etc/cni"
		  [plugins."io.containerd.grpc.v1.cri".registry]
		    config_path = "$etc/certs.d"
	END
	daemon containerd "$(command -v containerd)" --config "$etc/config.toml"
	daemon registry "$bin/registry" -listen "$registry" -dir "$data/registry"
	await 60 containerd ctr version
}

kubelet() {
	: >"$data/resolv.conf" # nothing is looked up outside
	cat >"$data/kubelet.yaml" <<-END
		apiVersion: kubelet.config.k8s.io/v1beta1
		kind: KubeletConfiguration
		address: $node_address
		authentication: {anonymous: {enabled: false}, webhook: {enabled: true}, x509: {clientCAFile: $pki/ca.crt}}
		authorization: {mode: AlwaysAllow}
		tlsCertFile: $pki/kubelet.crt
		tlsPrivateKeyFile: $pki/kubelet.key
		containerRuntimeEndpoint: unix://$run/containerd.sock
		podLogsDir: $logs/pods
		clusterDNS: [$dns_service]
		clusterDomain: cluster.local
		resolvConf: $data/resolv.conf
		cgroupDriver: cgroupfs
		failCgroupV1: false
		failSwapOn: false
		enforceNodeAllocatable: []
		evictionHard: {imagefs.available: "0%", nodefs.available: "0%", nodefs.inodesFree: "0%", memory.available: "0%"}
		imageGCHighThresholdPercent: 100
		imageGCLowThresholdPercent: 99
		serializeImagePulls: false
		oomScoreAdj: 0
		maxPods: 500
		shutdownGracePeriod: 0s
	END
	daemon kubelet "$bin/kubelet" --config "$data/kubelet.yaml" --kubeconfig "$pki/kubelet.kubeconfig" \
		--root-dir "$data/kubelet" --hostname-override weft --node-ip "$node_address"
	cat >"$data/proxy.yaml" <<-END
		apiVersion: kubeproxy.config.k8s.io/v1alpha1
		kind: KubeProxyConfiguration
		clientConnection: {kubeconfig: $pki/proxy.kubeconfig}
		mode: iptables
		clusterCIDR: $pod_range
		hostnameOverride: weft
		bindAddress: $node_address
		nodePortAddresses: [$node_range]
		oomScoreAdj: 0
		conntrack: {maxPerCore: 0, min: 0, tcpEstablishedTimeout: 0s, tcpCloseWaitTimeout: 0s}
		iptables: {minSyncPeriod: 0s}
	END
	daemon kube-proxy "$bin/kube-proxy" --config "$data/proxy.yaml"
}
