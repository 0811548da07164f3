#!/usr/bin/env bash
# Kills a container's first process as a crash would, without a word to it:
# nobody within a cluster can. The number is that of the pod's status.
#
#   hack/cluster/kill.sh [containerd://]CONTAINER
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/lib/common.sh"
ctr task kill --signal SIGKILL "${1#containerd://}"
