# Every target creates and updates its own virtual environment first.
.DEFAULT_GOAL := help
VENV := .venv
BIN := $(VENV)/bin
# The first Python that is new enough; one built with profile-guided optimisation is 10 to 14 % faster and goes first.
PYTHON ?= $(shell for built in enable-optimizations ''; do \
	for p in python3.13 python3.12 python3.11 python3.14 python3; do \
	$$p -c 'import ensurepip, sys, sysconfig as c; sys.exit(sys.version_info < (3, 11) or sys.argv[1] not in str(c.get_config_var("CONFIG_ARGS")))' \
	"$$built" >/dev/null 2>&1 && echo $$p && exit; done; done)
PROTOS := $(shell find proto -name '*.proto')
SETUP := pyproject.toml hatch_build.py requirements/build.lock $(PROTOS)
# A folder that was renamed or moved takes its environment with it.
PLACE := $(shell cat $(VENV)/place 2>/dev/null)
ifneq ($(PLACE),)
ifneq ($(PLACE),$(CURDIR))
$(shell tools/moved.sh $(VENV) "$(PLACE)" "$(CURDIR)" >&2)
endif
endif
LOCKED_BUILD := --build-constraints requirements/build.lock

SITE ?= site
.PHONY: help run test soak clients mutants lint format bench proto docs site audit release lock clean
help: ## show this list
	@grep -hE '^[a-z]+:.*##' Makefile | sed -E 's/:[^#]*## /\t/' | expand -t 12

$(BIN)/python:
	@test -n "$(PYTHON)" || { echo "Antiphon needs Python 3.11 or newer (python3 was not found or is older)"; exit 1; }
	@$(PYTHON) -m venv $(VENV)
	@printf '%s' "$(CURDIR)" >$(VENV)/place
	@sed -n '/^uv==/,/^[^ ]/{/^uv==/p;/^ /p;}' requirements/build.lock >$(VENV)/uv.lock
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r $(VENV)/uv.lock

$(VENV)/run.stamp: $(BIN)/python requirements/run.lock $(SETUP)
	@echo "setting up $(VENV) …"
	@test -e $(VENV)/dev.stamp || VIRTUAL_ENV=$(VENV) $(BIN)/uv pip install --quiet --require-hashes -r requirements/run.lock
	@VIRTUAL_ENV=$(VENV) $(BIN)/uv pip install --quiet --no-deps --reinstall-package antiphon $(LOCKED_BUILD) -e .
	@touch $@

$(VENV)/dev.stamp: $(BIN)/python requirements/dev.lock $(SETUP)
	@echo "setting up $(VENV) with the tools for tests …"
	@VIRTUAL_ENV=$(VENV) $(BIN)/uv pip install --quiet --require-hashes -r requirements/dev.lock
	@VIRTUAL_ENV=$(VENV) $(BIN)/uv pip install --quiet --no-deps --reinstall-package antiphon $(LOCKED_BUILD) -e .
	@touch $(VENV)/run.stamp $@

run: $(VENV)/run.stamp ## start the service, then the bot or a terminal chat
	@$(BIN)/python -m antiphon up

test: $(VENV)/dev.stamp ## run all tests
	$(BIN)/pytest -q

soak: $(VENV)/dev.stamp ## run the long tests, and search for new examples of the properties
	$(BIN)/pytest -q -n 0 -m soak --timeout 1800 tests
	ANTIPHON_TEST_EXAMPLES=search $(BIN)/pytest -q --timeout 1800 tests/unit tests/bot

clients: $(VENV)/dev.stamp ## run the clients of others against the service, and those generated in Go, TypeScript, Java and Rust
	$(BIN)/python -m tests.clients $(ONLY)

mutants: $(VENV)/dev.stamp ## break the pure core in small ways and count what its tests notice (docs/mutants.md)
	$(BIN)/python -m tools.mutants

lint: $(VENV)/dev.stamp ## check style, types, import rules, sizes, dead code and the contract
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python tools/check_sizes.py
	$(BIN)/vulture
	$(BIN)/python tools/check_protos.py

format: $(VENV)/dev.stamp ## format the code and the protos
	$(BIN)/ruff check --fix --quiet . || true
	$(BIN)/ruff format .
	$(BIN)/buf format -w

bench: $(VENV)/dev.stamp ## measure speed and scale; writes docs/performance.md and docs/capacity.md
	$(BIN)/python -m benchmarks
	$(BIN)/python -m benchmarks.scale

proto: $(VENV)/dev.stamp ## compile the contract again and check it
	@VIRTUAL_ENV=$(VENV) $(BIN)/uv pip install --quiet --no-deps --reinstall-package antiphon $(LOCKED_BUILD) -e .
	$(BIN)/python tools/check_protos.py

docs: $(VENV)/dev.stamp ## generate the pages of docs/ again
	$(BIN)/python tools/make_docs.py

site: $(VENV)/dev.stamp ## build the pages as a web site in site/, without a network; warnings are errors
	NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build --quiet --site-dir $(SITE)

audit: $(VENV)/dev.stamp ## look for known vulnerabilities in the dependencies
	$(BIN)/python -m tools.audit

release: $(VENV)/dev.stamp ## make dist/: wheel, SBOM, provenance, signatures. KEY=… names the SSH key; DRAFT=1 needs none
	$(BIN)/python -m tools.release $(if $(KEY),--key $(KEY)) $(if $(DRAFT),--draft)
	$(if $(UPLOAD),$(BIN)/uv publish dist/*.whl dist/*.tar.gz)

lock: $(BIN)/python ## resolve the dependencies again
	@$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header \
	    requirements/build.in -o requirements/build.lock
	@for extra in service bot all dev; do \
	  name=$$extra; [ $$extra = all ] && name=run; \
	  also=; case $$extra in service | bot) also="--extra telemetry" ;; esac; \
	  $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header \
	    --no-emit-package antiphon --extra $$extra $$also pyproject.toml -o requirements/$$name.lock; done

clean: ## remove the virtual environment and caches
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
