#!/usr/bin/env bash
# Shows that the cluster of up.sh does what meshes need of it: an image that
# "weft build" pushed runs as a Knative Service, which goes to zero and comes
# back; Knative's HPA class has metrics; KEDA scales on a JetStream consumer and
# back to zero; a Dapr sidecar keeps state in Redis. Needs bin/weft (make build).
#
#   hack/cluster/check.sh
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/lib/common.sh"
source "$here/lib/stop.sh"
[[ -e $run/up ]] && all_alive || die "the cluster is not up: make cluster-up"
k() { kubectl --namespace weft-check "$@"; }

cleanup() {
	kubectl delete namespace weft-check --ignore-not-found --wait=false >/dev/null
	# Knative's pods would take half a minute to say goodbye.
	k delete pods --all --grace-period=1 --wait=false >/dev/null
	kubectl wait --for=delete namespace/weft-check --timeout=120s >/dev/null
	"$bin/queue" -nats "nats://$(address nats default):4222" delete weft-check 2>/dev/null || true
}
address() { kubectl get service "$1" -n "$2" -o jsonpath='{.spec.clusterIP}'; }
wait_for() { k wait --timeout=120s "$@" >/dev/null || { k get all,scaledobject; k get events --sort-by=.lastTimestamp | tail -15; die "failed: kubectl wait $*"; }; }

# ask prints the seconds that a Service takes to answer.
ask() { # ADDRESS HOST
	curl --silent --show-error --fail --max-time 60 --output /dev/null --write-out '%{time_total}' -H "Host: $2" "http://$1/"
}

CGO_ENABLED=0 go -C "$root" build -o "$bin/queue" ./hack/cluster/check/queue
cleanup
kubectl create namespace weft-check >/dev/null
trap cleanup EXIT

scratch=$(mktemp -d)
"$root/bin/weft" build --file "$here/check/mesh.yaml" --data "$scratch" --to "$registry" --insecure \
	--platform "linux/$(go env GOARCH)" -o json >"$scratch/built"
digest=$(grep -o 'sha256:[0-9a-f]*' "$scratch/built" | head -1)
say "registry: weft build pushed $registry/check-probe"

"$bin/queue" -nats "nats://$(address nats default):4222" fill weft-check worker 25
sed "s|@image@|$registry/check-probe@$digest|" "$here/check/objects.yaml" | k apply --server-side -f - >/dev/null 2> >(grep -v '^Warning' >&2 || true)
rm -rf "$scratch"

wait_for --for=condition=Ready ksvc/hello ksvc/local ksvc/hpa
host=$(k get ksvc hello -o jsonpath='{.status.url}')
host=${host#http://}
say "Knative: ready, $host answers in $(ask "$ingress_service" "$host") s"
say "Knative: a Service of the cluster only answers in $(ask "$(address traefik-private traefik)" local.weft-check.svc.cluster.local) s"
wait_for --for=delete pod -l serving.knative.dev/service=hello
say "Knative: at zero; back in $(ask "$ingress_service" "$host") s, warm $(ask "$ingress_service" "$host") s"

wait_for --for=condition=ScalingActive horizontalpodautoscaler -l serving.knative.dev/service=hpa
say "HPA class: $(k get horizontalpodautoscaler -l serving.knative.dev/service=hpa --no-headers | tr -s ' ')"

wait_for --for=condition=Ready scaledobject/worker
wait_for --for=jsonpath='{.status.replicas}'=3 deployment/worker
say "KEDA: 25 messages, threshold 10: 3 replicas"
"$bin/queue" -nats "nats://$(address nats default):4222" empty weft-check
wait_for --for=delete pod -l app=worker
say "KEDA: no messages: none"

wait_for --for=condition=Ready pod/keeper
state=$(curl --silent --show-error --fail --max-time 20 "http://$(k get pod keeper -o jsonpath='{.status.podIP}'):8080/state?store=store&value=kept")
[[ $state == '"kept"' ]] || die "Dapr: the state store answered $state"
say "Dapr: a sidecar was injected and keeps state in Redis"
say "NetworkPolicies are taken, but nothing enforces them: the bridge that connects pods does not know them"
