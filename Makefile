# Everything runs in .venv; nothing has to be activated. `make help` lists the targets.

PYTHON ?= python3
BIN := .venv/bin
UV := uv==0.13.9
PIP := $(BIN)/python -m pip --disable-pip-version-check --no-input --quiet

.PHONY: help install kerberos dev peers demo test docs lint types unit nspawn bench soak lock clean
.DEFAULT_GOAL := help

help:
	@echo "make install   .venv with $(BIN)/authproxy, from the locked requirements"
	@echo "make kerberos  what auth_type=kerberos needs besides (compiled: libkrb5-dev gcc python3-dev)"
	@echo "make demo      real RADIUS logins on loopback, then stays up"
	@echo "make test      everything that is checked: lint, types, tests (as root: installs the peers it needs)"
	@echo "make nspawn    the unit in a container with a systemd of its own (as root; a minute, and a Debian mirror)"
	@echo "make bench     speed and memory, beside FreeRADIUS"
	@echo "make soak      a million damaged packets, and a million damaged LDAP messages"
	@echo "make docs      the documentation as a site, in build/site"
	@echo "make lock      newer versions into the lock files"
	@echo "make clean     removes .venv and caches"

# ---------------------------------------------------------------- what runs

install: .venv/.installed

.venv/.created:
	@tests/make-venv.sh $(PYTHON)
	@touch $@

.venv/.requirements: .venv/.created requirements.lock requirements-build.lock
	@echo "installing requirements.lock into .venv"
	@$(PIP) install --require-hashes -r requirements-build.lock -r requirements.lock
	@touch $@

.venv/.installed: .venv/.requirements pyproject.toml README.md authproxy/__init__.py
	@$(PIP) install --no-index --no-deps --no-build-isolation --editable .
	@touch $@
	@echo "installed: $(BIN)/authproxy"

# What auth_type=kerberos needs besides; it's compiled here: libkrb5-dev, gcc, python3-dev
kerberos: .venv/.installed
	@$(PIP) install --require-hashes -r requirements-kerberos.lock

demo: install
	@$(BIN)/authproxy demo

# ---------------------------------------------------------------- what is checked

dev: .venv/.dev

.venv/.dev: .venv/.installed requirements-dev.lock requirements-kerberos.lock | peers
	@echo "installing requirements-dev.lock into .venv"
	@$(PIP) install --require-hashes -r requirements-dev.lock
	@if command -v krb5-config >/dev/null && command -v gcc >/dev/null; then \
	  echo "building what Kerberos needs (minutes, the first time)"; \
	  $(PIP) install --require-hashes -r requirements-kerberos.lock; \
	else echo "no krb5-config or gcc: Kerberos is not tested (apt-get install libkrb5-dev gcc python3-dev)"; fi
	@touch $@

peers:
	@tests/install-peers.sh

test: dev peers docs lint types unit

lint: dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: dev
	$(BIN)/mypy

unit: dev peers
	$(BIN)/python -m pytest -q --durations=10 --numprocesses=auto --maxprocesses=4

nspawn: dev
	NSPAWN=1 $(BIN)/python -m pytest -q -rs tests/systemd

bench: install peers
	$(BIN)/python -m bench

soak: dev
	$(BIN)/python bench/fuzz_radius.py
	$(BIN)/python bench/fuzz_ldap.py

# ---------------------------------------------------------------- what is read

docs: .venv/.docs
	@NO_MKDOCS_2_WARNING=1 $(BIN)/python -W ignore -m mkdocs build --strict --quiet
	@echo "build/site/index.html"

.venv/.docs: .venv/.installed requirements-docs.lock
	@echo "installing requirements-docs.lock into .venv"
	@$(PIP) install --require-hashes -r requirements-docs.lock
	@touch $@

# ---------------------------------------------------------------- upkeep

COMPILE = $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --upgrade \
  --no-header --no-annotate --no-emit-index-url --no-emit-find-links

lock: .venv/.created
	@$(PIP) install "$(UV)"
	$(COMPILE) pyproject.toml -o requirements.lock
	$(COMPILE) pyproject.toml --extra kerberos -c requirements.lock -o requirements-kerberos.lock
	$(COMPILE) pyproject.toml --group dev -c requirements.lock -o requirements-dev.lock
	$(COMPILE) --group pyproject.toml:docs -c requirements-dev.lock -o requirements-docs.lock
	printf 'editables\nhatchling\n' | $(COMPILE) - -o requirements-build.lock

clean:
	rm -rf .venv build dist .mypy_cache .pytest_cache .ruff_cache .hypothesis
	find . -name __pycache__ -prune -exec rm -rf {} +
