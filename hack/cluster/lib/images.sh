# Images of the programs of a cluster. Sourced, after common.sh.

declare -A image # NAME -> reference

# Redis is Debian's, with the libraries that it is linked to.
redis_files() {
	local program library
	program=$(command -v redis-server)
	printf '%s:/usr/bin/redis-server' "$(readlink -f "$program")"
	ldd "$program" | awk '$2 == "=>" {print $3} $1 ~ /^\// {print $1}' | while read -r library; do
		printf ',%s:%s' "$library" "$library"
	done
}

# make_images packs every program and fills image.
make_images() {
	local specs=() name reference p
	for p in pause coredns traefik metrics-server nats-server daprd \
		keda keda-adapter keda-admission-webhooks \
		knative-controller knative-webhook knative-autoscaler knative-autoscaler-hpa knative-activator knative-queue; do
		specs+=("$p=$bin/$p")
	done
	for p in operator sentry injector; do specs+=("dapr-$p=$bin/dapr-$p:/$p"); done
	specs+=("redis=$(redis_files)")
	as_user "$bin/image" -dir "$bin/images" "${specs[@]}" >"$bin/images.list.new"
	mv "$bin/images.list.new" "$bin/images.list"
	while read -r name reference; do image[$name]=$reference; done <"$bin/images.list"
}

# import_images gives containerd those that it lacks, and takes away those of
# programs that are no more.
import_images() {
	local name reference have
	have=$(ctr images list -q)
	for name in "${!image[@]}"; do
		grep -qxF "${image[$name]}" <<<"$have" || ctr images import --snapshotter "$snapshotter" "$bin/images/$name.tar" >/dev/null
	done
	while read -r reference; do
		[[ $reference != weft.local/* ]] || grep -qF " $reference" "$bin/images.list" || ctr images remove "$reference" >/dev/null
	done <<<"$have"
}
