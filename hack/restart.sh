#!/usr/bin/env bash
# Restarts Redis, which has the order mesh's state, and the broker of its links
# in the middle of 5,000 orders, and proves that nothing accepted is lost and no
# stock reserved twice.
# Usage: hack/restart.sh [--orders N] [--rate PER_SECOND] [--broker nats|redis] [--how restart|crash] [--keep]
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
make --no-print-directory build
go build -o bin/restart ./hack/restart
exec hack/services.sh run redis nats -- bin/restart "$@"
