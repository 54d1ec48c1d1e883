# Everything a developer or a newcomer does here, by name. `make` alone lists it.
.DEFAULT_GOAL := help
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.PHONY: help setup setup-python build run test unit check fmt generate bench-suggest bench-scheduler bench-torch clean

export TEMPER := $(CURDIR)/target/release/temper
export TEMPER_RUNNER := $(CURDIR)/target/release/temper-runner

help: ## list what can be made
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: ## install what the main job needs: libtorch into ./.venv, the data set
	@scripts/setup-system.sh
	@scripts/setup-torch.sh
	@scripts/setup-data.sh

setup-python: setup ## and what the Python examples and the comparisons with PyTorch need
	@scripts/setup-torch.sh --python
	@.venv/bin/python -m pip install --quiet --disable-pip-version-check -r examples/requirements.txt

build: setup ## build `temper` and `temper-runner` (with the built-in models) into target/release
	cargo build --release --locked -p temper-operator
	cargo build --release --locked -p temper-runner --features torch

run: build ## tune a network on the real Fashion-MNIST: 20 trials, under ten minutes on two cores
	@scripts/main-job.sh

test: check unit ## run every test and check
	@$(MAKE) --no-print-directory e2e

unit: ## the fast inner loop: unit and property tests of everything but the built-in models
	cargo test --workspace --exclude temper-tests --features temper-runner/pod --locked

.PHONY: e2e
e2e: setup-python build pods ## the built-in models' tests, and the programs run as a user runs them, on a real cluster too
	cargo test --locked -p temper-runner --features torch
	tests/e2e.sh

check: ## formatting, lints, licences, generated files, the chart
	cargo fmt --all --check
	cargo clippy --workspace --all-targets --locked -- -D warnings
	cargo clippy -p temper-runner --features pod --all-targets --locked -- -D warnings
	scripts/deny.sh
	cargo run --quiet --locked -p temper-operator -- crds --out crds/manifests --check
	scripts/chart-crds.sh --check
	scripts/chart-test.sh

bench-suggest: setup-python build ## milliseconds of a suggestion beside Optuna, in one run
	.venv/bin/python -m pip install --quiet --disable-pip-version-check -r tests/bench/requirements.txt
	.venv/bin/python tests/bench/suggest.py

bench-scheduler: build ## what ASHA saves of the main job's wall time, beside no scheduler: 20 minutes
	tests/bench/scheduler.py $(if $(SEEDS),--seeds $(SEEDS))

bench-torch: setup-python build ## images per second of the built-in networks beside eager PyTorch, in one run; DEVICE=cuda
	.venv/bin/python tests/bench/torch/run.py $(if $(DEVICE),--device $(DEVICE))

.PHONY: pods
pods: setup ## build what tests on a cluster need: the static agent, and as root the cluster
	scripts/static.sh runner
	@if [ "$$(id -u)" -eq 0 ]; then tests/cluster/cluster build; fi

.PHONY: cluster-build cluster cluster-down
cluster-build: ## compile the test cluster: Kubernetes, simulated nodes, an S3 server, Helm, images for tests
	tests/cluster/cluster build

.PHONY: chart-e2e
chart-e2e: ## the chart on a real cluster: its objects, rights and policy; install, upgrade, rollback, uninstall
	tests/chart/run.sh

cluster: ## have a real Kubernetes cluster on this machine with the operator in it, below target/cluster
	scripts/cluster.sh

cluster-down: ## end that cluster
	tests/cluster/cluster down

.PHONY: bench-cluster
bench-cluster: cluster-build ## the operator's figures on a real cluster; QUICK=--quick makes them small, FIGURES=... names some
	cargo build --release --locked -p temper-operator
	scripts/static.sh runner
	python3 tests/bench/cluster $(FIGURES) $(QUICK)

.PHONY: images
images: setup ## make the images of images/ without a container engine, below target/images; print their sizes
	scripts/images.sh

fmt: ## format the code
	cargo fmt --all

generate: ## write the generated files anew
	UPDATE=1 cargo test --quiet -p temper-crds --test manifests
	scripts/chart-crds.sh

clean: ## remove what was built, downloaded and run here
	rm -rf target .venv .cache .temper
