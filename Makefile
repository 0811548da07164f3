# Everything that is done with this repository. Go, make and bash are enough.
.DEFAULT_GOAL := help
SHELL := /bin/bash -eu -o pipefail
.SHELLFLAGS := -c
.DELETE_ON_ERROR:

GO ?= go
# The checkout that a development build of weft stands for: projects made by
# "weft new" refer to it.
LDFLAGS := -X github.com/weftmesh/weft/internal/version.Source=$(CURDIR)
# The samples that docs/ has a picture of.
PICTURES := order-processing fan-out-join
# Tests of real programs and servers are for test-real, which brings these.
HERMETIC := -skip '^TestReal'
PLATFORMS := linux/amd64 linux/arm64 darwin/amd64 darwin/arm64

##@ Use

.PHONY: build
build: ## Build bin/weft
	@$(GO) build -ldflags '$(LDFLAGS)' -o bin/weft ./cmd/weft

.PHONY: run
run: build ## Run the order sample: place an order, show its trace, serve until Ctrl-C
	@hack/demo.sh --serve

.PHONY: demo
demo: build ## The same on free ports, then stop and exit 0
	@hack/demo.sh

##@ Prove

.PHONY: test
test: ## All hermetic tests: Go alone is needed
	$(GO) test $(HERMETIC) ./...

.PHONY: test-race
test-race: ## What runs in parallel, with the race detector (needs a C compiler)
	$(GO) test -race $(HERMETIC) ./bindings/... ./builder/... ./internal/local/... ./internal/telemetry/... ./internal/wire/... ./mesh/... ./runtime/... ./samples/...

.PHONY: test-real
test-real: build ## Tests that need more than Go: real servers, a real daprd, a file system that gets full
	hack/test-real.sh

.PHONY: docs-test
docs-test: build ## Run every sh block of README.md, docs/ and samples/
	$(GO) run ./hack/docstest

.PHONY: crash
crash: ## Kill random processes under load, 50 times; nothing may be lost
	hack/crash.sh --rounds 50

.PHONY: fresh
fresh: ## A clone with empty caches runs the demo and the tests
	hack/fresh.sh

.PHONY: bench
bench: build ## Measure the order mesh; BENCH_OUT=file for JSON, BENCH_QUICK=1 for a rough run
	@$(GO) run ./hack/bench

.PHONY: bench-dapr
bench-dapr: build ## Measure the Dapr API beside a real daprd; BENCH_OUT, BENCH_QUICK as above
	@hack/daprd.sh
	@hack/services.sh run redis -- $(GO) run ./hack/bench/dapr

##@ Cluster

.PHONY: cluster-up
cluster-up: ## A Kubernetes with Knative, KEDA and Dapr on this machine (root, Linux), or check that of KUBECONFIG
	@hack/cluster/up.sh

.PHONY: cluster-down
cluster-down: ## Stop it; PURGE=1 removes its data too
	@hack/cluster/down.sh $(if $(PURGE),--purge)

.PHONY: e2e
e2e: ## Prove meshes on the cluster; E2E_RUN=regexp for some steps, E2E_OUT=file for the figures
	@hack/e2e.sh $(if $(E2E_RUN),-run '$(E2E_RUN)')

##@ Change

.PHONY: check
check: format vet lint generated cross imports ## Everything that needs no test run: formats, vet, lint, generated files, platforms, imports

.PHONY: format
format:
	@echo "check: gofmt"
	@files=$$(gofmt -l $$(git ls-files --cached --others --exclude-standard '*.go')); \
	if [[ -n "$$files" ]]; then echo "not formatted; run gofmt -w on:"; echo "$$files"; exit 1; fi

.PHONY: vet
vet:
	@echo "check: go vet"
	@$(GO) vet ./...

.PHONY: lint
lint: ## staticcheck, pinned in hack/tools; staticcheck.conf says why each check is on
	@echo "check: staticcheck"
	@$(GO) tool -modfile=hack/tools/go.mod staticcheck ./...

.PHONY: generated
generated: build
	@echo "check: generated files are current"
	@hack/generate.sh --check
	@for p in $(PICTURES); do \
		bin/weft graph --file samples/$$p/mesh.yaml -o svg | cmp -s - docs/$$p.svg || \
		{ echo "docs/$$p.svg is stale: run make generate"; exit 1; }; \
	done

.PHONY: cross
cross:
	@for p in $(PLATFORMS); do \
		echo "check: builds for $$p"; \
		CGO_ENABLED=0 GOOS=$${p%/*} GOARCH=$${p#*/} $(GO) build ./...; \
	done

.PHONY: imports
imports:
	@echo "check: directions of imports, package comments"
	@$(GO) test ./internal/architecture

.PHONY: generate
generate: build ## Write generated files anew: deep copies, CRD, JSON Schema, pictures of the samples
	hack/generate.sh
	@for p in $(PICTURES); do bin/weft graph --file samples/$$p/mesh.yaml -o svg >docs/$$p.svg; done

.PHONY: clean
clean: ## Remove what was built and what engines of the samples left
	rm -rf bin .weft samples/*/.weft

.PHONY: help
help: ## This list
	@awk 'BEGIN {FS = ":.*## "} \
		/^##@ / {printf "\n%s\n", substr($$0, 5)} \
		/^[a-z-]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)
