#!/usr/bin/env bash
# Builds bin/lifecycle, the programs of the Cloud Native Buildpacks lifecycle
# (creator and its phases are one program under several names), and
# bin/launcher, which starts processes in the images that it exports, from
# their module: about a minute on two cores the first time, a second once they
# are built.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/lifecycle"

module=github.com/buildpacks/lifecycle
version=$(go list -m -f '{{.Version}}' $module)
mkdir -p ../../bin
for program in lifecycle launcher; do
	CGO_ENABLED=0 go build -o "../../bin/$program" \
		-ldflags "-s -w -X $module/cmd.Version=${version#v}" "$module/cmd/$program"
done
