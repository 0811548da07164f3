#!/usr/bin/env bash
# The tests that need more than Go: a file system of their own that gets full
# (Linux; as root, or where users may make namespaces), real servers
# (services.sh installs and starts them), a real daprd, a real func and the real
# lifecycle of buildpacks (daprd.sh, func.sh and lifecycle.sh build them: some
# minutes the first time), and a real API server of Kubernetes that knows the
# kinds of Knative, KEDA and Dapr (cluster/build.sh and cluster/crds.sh, some
# minutes more). Needs bin/weft (make build). make test leaves out the
# tests named TestReal. What a test lacks is a failure here, but for a server
# that cannot be had where CI is not true.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

log=$(mktemp "${TMPDIR:-/tmp}/weft-real.XXXXXX")
trap 'rm -f "$log"' EXIT
real() { # PACKAGE TESTS disk|servers
	local start=$SECONDS
	# Not a pipe: what a test leaves running would keep it open.
	if ! go test -count=1 -v -timeout 20m -run "$2" "$1" >"$log" 2>&1 </dev/null; then
		cat "$log"
		return 1
	fi
	grep -E '^(--- |ok)' "$log"
	if grep -q 'no tests to run' "$log"; then
		echo "test-real: $1 has no test $2"
		return 1
	fi
	# With WEFT_REAL=1 tests fail where a server is missing; what components-contrib's
	# suites leave out, a component does not claim.
	if grep -q -e '--- SKIP' "$log"; then
		if [[ $3 == disk ]]; then
			echo "test-real: a test of $1 was left out: this machine does not give what it needs"
			return 1
		elif [[ ${WEFT_REAL:-} != 1 ]]; then
			echo "test-real: TESTS OF $1 WERE LEFT OUT, as a server is missing"
		fi
	fi
	echo "test-real: $1: $((SECONDS - start)) s"
}

if [[ ${1:-} == servers ]]; then # with what services.sh exports
	while read -r package; do
		real "$package" '^TestReal' servers
	done < <(grep -rl --include='*_test.go' '^func TestReal' bindings internal mesh runtime samples | xargs -n1 dirname | sort -u | sed 's|^|./|')
	real ./runtime '^TestEngine' servers
	# Redis and the broker restarted in the middle of 5,000 orders.
	go build -o bin/restart ./hack/restart
	bin/restart
	exit
fi

real ./bindings/jetstream '^TestFullDisk$' disk
real ./internal/cli '^TestErrors$/^disk-full' disk
hack/lifecycle.sh
WEFT_TEST_LIFECYCLE=$PWD/bin real ./builder/buildpack '^TestReal' disk
hack/cluster/build.sh kubernetes-api helm
hack/cluster/crds.sh bin/cluster/crds
export WEFT_TEST_KUBE=$PWD/bin/cluster
real ./controller '^TestReal' disk
real ./manifests '^TestReal' disk
hack/daprd.sh
hack/func.sh
WEFT_TEST_DAPRD=$PWD/bin/daprd WEFT_TEST_FUNC=$PWD/bin/func hack/services.sh run -- "${BASH_SOURCE[0]/#*\//hack/}" servers
