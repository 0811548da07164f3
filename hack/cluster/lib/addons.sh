# What runs in the cluster. Sourced, after common.sh and images.sh.

source "$here/lib/modules.sh"
addons=(coredns metrics-server knative ingress keda dapr servers)
namespaces=(kube-system knative-serving traefik keda dapr-system)
made=$data/manifests

# fill puts images and addresses in the place of their names.
fill() { # FILE...
	local name edits=(-e "s|@dns@|$dns_service|g" -e "s|@ingress@|$ingress_service|g" -e "s|@registry@|$registry|g")
	for name in "${!image[@]}"; do
		edits+=(-e "s|@image:$name@|${image[$name]}|g" -e "s|@name:$name@|${image[$name]%:*}|g"
			-e "s|@tag:$name@|${image[$name]##*:}|g" -e "s|ko://knative.dev/serving/cmd/${name#knative-}\$|${image[$name]}|")
	done
	sed -i "${edits[@]}" "$@"
}

# render writes every addon as one file: what its module has, and what
# manifests/ changes of it.
render() {
	local serving networking caching dapr name
	rm -rf "$made"
	cp -r "$here/manifests" "$made"
	serving=$(module_dir "$here/modules/knative" knative.dev/serving)
	networking=$(module_dir "$here/modules/knative" knative.dev/networking)
	caching=$(module_dir "$here/modules/knative" knative.dev/caching)
	dapr=$(module_dir "$here/../daprd" github.com/dapr/dapr)
	# All of Serving but autoscalers of itself; its module lacks what its
	# repository has as links.
	find "$serving/config/core" "$serving/config/hpa-autoscaling" "$networking/config" "$caching/config" \
		-name '*.yaml' ! -name '*-hpa.yaml' | sort | while read -r name; do
		echo ---
		cat "$name"
	done >"$made/knative/base.yaml"
	cp -r "$(module_dir "$here/modules/metrics-server" sigs.k8s.io/metrics-server)/manifests/base" "$made/metrics-server/base"
	cp -r "$(module_dir "$here/modules/keda" github.com/kedacore/keda/v2)/config" "$made/keda/config"
	chmod -R u+w "$made"
	find "$made" -name '*.yaml' -print0 | while IFS= read -r -d '' name; do fill "$name"; done
	for name in "${addons[@]}"; do
		[[ $name == dapr ]] || "$bin/kubectl" kustomize "$made/$name" 2> >(grep -v "is deprecated" >&2 || true) >"$made/$name.yaml"
	done
	{
		printf 'apiVersion: v1\nkind: Namespace\nmetadata: {name: dapr-system}\n---\n'
		"$bin/helm" template dapr "$dapr/charts/dapr" --namespace dapr-system --values "$made/dapr/values.yaml"
	} >"$made/dapr.yaml"
	"$here/crds.sh" "$made/crds"
}

# inputs prints what the cluster's objects are made from.
inputs() {
	{
		find "$here/manifests" "$here/lib/addons.sh" "$here"/modules/*/go.mod "$here/../daprd/go.mod" -type f | sort | xargs sha256sum
		cat "$bin/images.list"
	} | sha256sum
}

apply() { "$bin/kubectl" --kubeconfig "$pki/admin.kubeconfig" apply --server-side --force-conflicts "$@" >/dev/null; }

# install_addons applies everything, unless it was last time, and waits until it
# runs.
install_addons() {
	local name n pids=()
	if [[ $(inputs) == "$(cat "$data/applied" 2>/dev/null)" ]]; then
		running 180s || die "what runs in the cluster did not get ready"
		return
	fi
	say "installing ${addons[*]}"
	render
	# Webhooks that are there from last time must answer before what they look
	# at changes. If they never do, the change may be what mends them.
	running 30s || true
	apply -R -f "$made/crds"
	kubectl wait --for=condition=Established customresourcedefinition --all --timeout=60s >/dev/null
	for name in "${addons[@]}"; do
		apply -f "$made/$name.yaml" &
		pids+=($!)
	done
	for name in "${pids[@]}"; do wait "$name" || die "not everything could be applied; it is in $made"; done
	say "waiting for what runs in it"
	for n in "${namespaces[@]}"; do
		kubectl get deployment,statefulset -n "$n" -o name | while read -r name; do
			kubectl rollout status "$name" -n "$n" --timeout=180s >/dev/null || die "$name in $n did not get ready"
		done
	done
	inputs >"$data/applied"
}

# running waits for the pods of last time.
running() { # TIMEOUT
	local n
	for n in "${namespaces[@]}"; do
		[[ -n $(kubectl get pods -n "$n" -o name) ]] || continue
		kubectl wait --for=condition=Ready pod --all -n "$n" --timeout="$1" >/dev/null || return 1
	done
}

# forget takes back what was written down before the cluster was stopped, and
# would be believed: that pods are ready, before a kubelet is there to know, and
# who leads, which others would wait a minute to take over.
forget() {
	local n
	for n in $(kubectl get namespaces -o name); do
		[[ $n == */kube-* ]] || kubectl delete lease --all -n "${n#*/}" >/dev/null
	done
	kubectl get pods -A --no-headers -o custom-columns=N:.metadata.namespace,P:.metadata.name |
		xargs -r -P4 -L1 sh -c '"$0" --kubeconfig "$1" -n "$2" patch pod "$3" --subresource=status --type=strategic \
			-p "{\"status\":{\"conditions\":[{\"type\":\"Ready\",\"status\":\"False\"},{\"type\":\"ContainersReady\",\"status\":\"False\"}]}}" >/dev/null' \
			"$bin/kubectl" "$pki/admin.kubeconfig"
}

# ready waits for what is more than pods.
ready() {
	local name
	for name in nats redis; do
		kubectl rollout status "statefulset/$name" -n default --timeout=120s >/dev/null
	done
	kubectl wait --for=condition=Ready pod -l weft.dev/server -n default --timeout=120s >/dev/null
	kubectl wait --for=condition=Available apiservice --all --timeout=120s >/dev/null
}
