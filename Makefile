# make demo: train on bundled real molecules. make test: all tests. Each does its own set-up.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
# A process for each core, of one thread; a file's tests stay together, for what they share.
PYTEST := OMP_NUM_THREADS=1 $(BIN)/python -m pytest --numprocesses auto --maxprocesses 8 --dist loadfile
DEMO ?= runs/demo
DEMO_TIME ?= 2m

.PHONY: demo test lint types doctest check clean install

demo: $(STAMP)
	$(BIN)/empnet train qm7 --time $(DEMO_TIME) --out $(DEMO) --force
	$(BIN)/empnet evaluate $(DEMO)
	@echo "report: $(DEMO)/report.html"

test: $(STAMP)
	$(PYTEST) tests

lint: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(STAMP)
	$(BIN)/mypy

doctest: $(STAMP)
	$(PYTEST) --doctest-modules src/empnet

check: lint types test doctest

install: $(STAMP)

$(STAMP): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "empnet wants Python 3.11 or later; name one with: make PYTHON=python3.11"; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --quiet -c constraints.txt -e '.[dev]'
	@touch $(STAMP)

clean:
	rm -rf $(VENV) build dist src/*.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis
