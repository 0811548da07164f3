#!/usr/bin/env bash
# Proves meshes on a real cluster, that of KUBECONFIG or else the one that
# make cluster-up started: deploys the article's files and meshes of its own, and
# watches them go to zero, wake up, scale, change and survive. It installs the
# controller, works in a namespace of its own, weft-e2e, and removes both again.
#
#   hack/e2e.sh [-run REGEXP] [-keep] [-out FILE]    (hack/e2e -help says more)
#
# A cluster of KUBECONFIG needs Knative Serving, KEDA and Dapr (make cluster-up
# looks), WEFT_REGISTRY, which it pulls images from, and E2E_OVERLAY and E2E_REDIS
# where NATS and Redis are elsewhere than make cluster-up has them.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

ours=$PWD/.cluster/kubeconfig
if [[ -z ${KUBECONFIG:-} ]]; then
	[[ -e $ours ]] || { echo "e2e: there is no cluster: run make cluster-up, or set KUBECONFIG" >&2; exit 1; }
	export KUBECONFIG=$ours
fi
if [[ $KUBECONFIG == "$ours" || $KUBECONFIG -ef $ours ]]; then
	: "${WEFT_REGISTRY:=198.18.8.2:5000}" "${WEFT_INSECURE:=true}" "${E2E_NATS:=default/nats-0}"
	[[ $(id -u) != 0 ]] || : "${E2E_KILL:=$PWD/hack/cluster/kill.sh}"
	export WEFT_REGISTRY WEFT_INSECURE E2E_NATS E2E_KILL
fi
PATH=$PATH:$PWD/bin/cluster
command -v kubectl >/dev/null || hack/cluster/build.sh kubernetes-api
kubectl version --request-timeout=20s >/dev/null 2>&1 ||
	{ echo "e2e: the cluster of KUBECONFIG=$KUBECONFIG does not answer; make cluster-up starts one" >&2; exit 1; }
mkdir -p bin
go build -o bin/e2e ./hack/e2e
exec bin/e2e "$@"
