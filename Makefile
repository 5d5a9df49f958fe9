# The targets of this repository; `make help` lists them.
SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

MODULES  := $(shell sed -n 's:^[[:space:]]*\./::p' go.work)
PACKAGES := $(MODULES:%=./%/...)
# What runs in one process and shares memory; test/ drives other processes.
RACED    := $(patsubst %,./%/...,$(filter-out test bench,$(MODULES)))
# Most of what the tests do is wait: four packages at a time don't disturb each other.
TESTED   := -p 4
# What needs a Kafka: these also run against a real one.
ON_KAFKA := ./events/bus/... ./events/stream/... ./test/e2e/...
MAINS    := services/edge/cmd/edge services/presence/cmd/presence services/notifier/cmd/notifier deploy/standalone/cmd/standalone

.PHONY: help
help: ## list the targets
	@sed -nE 's/^([a-z0-9-]+):.*## (.*)/\1\t\2/p' $(MAKEFILE_LIST) | while IFS=$$'\t' read -r t d; do printf '  %-14s %s\n' "$$t" "$$d"; done

.PHONY: build
build: ## bin/edge, bin/presence, bin/notifier, bin/standalone
	mkdir -p bin
	CGO_ENABLED=0 go build -trimpath -o bin/ $(MAINS:%=./%)

.PHONY: run
run: ## everything in one process on http://localhost:8080, log kept in ./data
	go run ./deploy/standalone/cmd/standalone --auth=none

.PHONY: test
test: build ## all Go tests on the embedded broker; needs nothing but Go
	ROLLCALL_TEST_BIN=$(CURDIR)/bin go test $(TESTED) -timeout 170s $(PACKAGES)

.PHONY: race
race: ## the same tests but those of test/, under the race detector; needs gcc
	go test -race $(TESTED) -timeout 300s $(RACED)

.PHONY: lint
lint: ## formatting, vet, newer ways, every module alone, house rules
	tools/lint.sh

.PHONY: bench
bench: ## every benchmark once, so that none rots
	nice go test -run '^$$' -bench . -benchtime 1x -timeout 170s $(PACKAGES)

.PHONY: fuzz
fuzz: ## every fuzzer for three seconds
	nice tools/fuzz.sh 3s

.PHONY: test-owners
test-owners: ## two owners of a partition, one stopped at every step, over every pair of settings
	go test -count=1 -timeout 600s -run TwoOwners\|TwoTakeOvers ./events/stream -every

.PHONY: test-kafka
test-kafka: build ## the suites that need a Kafka, on a real Apache Kafka (Java, Maven)
	ROLLCALL_TEST_BIN=$(CURDIR)/bin deploy/kafka/with-kafka.sh go test -count=1 -timeout 300s $(ON_KAFKA)

# A C1-compiled Kafka starts in half the time, and there are three.
.PHONY: test-kafka3
test-kafka3: build ## what a node of three takes with it, on a real Apache Kafka (Java, Maven)
	ROLLCALL_TEST_BIN=$(CURDIR)/bin JDK_JAVA_OPTIONS=-XX:TieredStopAtLevel=1 \
		deploy/kafka/with-kafka.sh --nodes 3 go test -tags kafka3 -run TestKafka3 -count=1 -timeout 240s ./test/chaos

.PHONY: test-clients
test-clients: build ## the binaries with stock STOMP clients on Node (npm)
	test/clients/run.sh

.PHONY: test-browser
test-browser: build ## the demo page in headless Chromium; screenshots in artifacts/
	test/browser/run.sh

# MINUTES=3 KAFKA=embedded|real SEED=…; ARGS takes further flags of the program.
# Three nodes of Apache Kafka leave two processors time for fewer users.
.PHONY: chaos
chaos: build ## processes that are killed, stopped and cut off among clients, judged by what is promised
	go build -o bin/chaos ./test/chaos/cmd/chaos
	$(if $(filter real,$(KAFKA)),deploy/kafka/with-kafka.sh --nodes 3) bin/chaos -minutes=$(or $(MINUTES),3) -users=$(if $(filter real,$(KAFKA)),60,200) -seed=$(or $(SEED),0) $(ARGS)

# SEEDS=200 FIRST=1; one seed again, with what the services log: ARGS=-sim.seed=7
.PHONY: sim
sim: ## the real services under a fake clock, broken as seeds say, judged by what is promised
	nice go test ./test/sim -count=1 -timeout 60m -run TestSeeds -v -sim.seeds=$(or $(SEEDS),200) -sim.first=$(or $(FIRST),1) $(ARGS)

.PHONY: check
check: lint test race beside test-kafka test-clients test-browser ## exactly what CI runs

# Chaos mostly waits. What only computes has the processors meanwhile.
.PHONY: beside
beside: build
	$(MAKE) --no-print-directory --output-sync=target -j2 chaos bench fuzz sim SEEDS=120
