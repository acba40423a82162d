# One verb a target. `make demo` and `make test` need nothing but Go.
.PHONY: help build test lint race fuzz bench demo dev readme clean
.DEFAULT_GOAL := help

GO ?= go
STATICCHECK = honnef.co/go/tools/cmd/staticcheck@v0.8.2

help: ## this list
	@sed -n 's/^\([a-z]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 10

# The command and the demo are built with the same settings, so that what they share is compiled once.
PURE = CGO_ENABLED=0 $(GO)

build: ## the command, into build/
	$(PURE) build -trimpath -o build/anabranch ./cmd/anabranch

test: ## every test
	$(GO) test -shuffle=on ./...

lint: ## format, vet, staticcheck, tidiness, and the tests once more under the race detector
	@test -z "$$(gofmt -l .)" || { gofmt -l . ; echo "run gofmt -w on these"; exit 1; }
	$(GO) vet ./...
	$(GO) run $(STATICCHECK) ./...
	$(GO) mod tidy -diff
	$(MAKE) race

race: ## the tests under the race detector
	$(GO) test -race -shuffle=on -count=1 ./...

fuzz: ## every fuzz target, 20 s each
	@set -e; for p in $$($(GO) list ./...); do for f in $$($(GO) test -list '^Fuzz' $$p | grep '^Fuzz' || true); do \
		echo "$$p $$f"; $(GO) test -run '^$$' -fuzz "^$$f$$" -fuzztime 20s $$p; done; done

bench: ## every benchmark
	$(GO) test -run '^$$' -bench . -benchmem ./...

demo: build ## real events in, answers that become exact, in under 90 s
	$(PURE) run -trimpath ./localstack/demo -anabranch build/anabranch

dev: build ## the whole system on http://127.0.0.1:8080, until Ctrl-C
	build/anabranch dev --views localstack/sample/views.yaml

readme: build ## run the commands of README.md against a server of their own
	.ci/readme

clean: ## remove what the targets made
	rm -rf build anabranch-data

.PHONY: functions deploy keys destroy
FUNCTIONS = ingest speed batch query republish authorizer
ARCH ?= arm64
VIEWS ?= localstack/sample/views.yaml
STACK ?= anabranch

functions: ## the Lambda functions and their zips, into build/; ARCH=arm64 or amd64, VIEWS=your views.yaml
	@set -e; for f in $(FUNCTIONS); do rm -rf build/$$f; CGO_ENABLED=0 GOOS=linux GOARCH=$(ARCH) \
		$(GO) build -trimpath -buildvcs=false -tags lambda.norpc -ldflags "-s -w" -o build/$$f/bootstrap ./functions/$$f; done
	@$(GO) run ./infra/pack -views $(VIEWS) build $(FUNCTIONS)

deploy: functions ## the stack, onto AWS: asks what it needs to know; STACK=its name
	$(GO) run ./infra/tool sam deploy --guided --template-file template.yaml --stack-name $(STACK) --capabilities CAPABILITY_IAM CAPABILITY_AUTO_EXPAND
	$(GO) run ./infra/keys -stack $(STACK)

keys: ## the URL and the keys of a deployed stack
	@$(GO) run ./infra/keys -stack $(STACK)

destroy: ## a stack, but for its archive and tables; asks first
	@$(GO) run ./infra/destroy -stack $(STACK)
