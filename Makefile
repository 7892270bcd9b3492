# make demo: train on bundled real molecules. make test: all tests. Each does its own set-up.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip
# PyTorch's default build for Linux brings gigabytes of GPU libraries; its wheels for CPUs, which have an index of their
# own, do not. GPU=1 takes the default build.
GPU ?=
TORCH_INDEX ?= https://download.pytorch.org/whl/cpu
STAMP := $(VENV)/.installed$(if $(filter 1,$(GPU)),-gpu)
NATIVE := $(VENV)/.native
SOURCES := CMakeLists.txt $(wildcard src/empnet/native/source/*)
# The machine's C++ compiler; where there is none, the one in the wheel of ziglang.
ZIG := $(abspath $(VENV))/bin/zig-c++
COMPILER ?= $(shell command -v c++ || command -v g++ || command -v clang++)
# A process for each core, of one thread; a file's tests stay together, for what they share.
PYTEST := OMP_NUM_THREADS=1 $(BIN)/python -m pytest --numprocesses auto --maxprocesses 8 --dist loadfile
DEMO ?= runs/demo
DEMO_TIME ?= 2m

.PHONY: demo native test faults lint types doctest check clean install torch-for-cpus torch-for-gpus

demo: $(NATIVE)
	$(BIN)/empnet train qm7 --time $(DEMO_TIME) --out $(DEMO) --force
	$(BIN)/empnet evaluate $(DEMO)
	@echo "report: $(DEMO)/report.html"

test: $(NATIVE)
	$(PYTEST) tests

# Faults injected at length: killed runs, damaged files, full disks.
faults: $(NATIVE)
	EMPNET_FAULTS=long OMP_NUM_THREADS=1 $(BIN)/python -m pytest tests/faults

lint: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(STAMP)
	$(BIN)/mypy

doctest: $(NATIVE)
	$(PYTEST) --doctest-modules src/empnet

check: lint types test doctest

install: $(NATIVE)

$(STAMP): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "empnet wants Python 3.11 or later; name one with: make PYTHON=python3.11"; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(PIP) install --quiet --upgrade pip
	@$(MAKE) --no-print-directory $(if $(filter 1,$(GPU)),torch-for-gpus,torch-for-cpus)
	$(if $(COMPILER),,$(PIP) install --quiet -c constraints.txt ziglang)
	$(if $(COMPILER),,@printf '#!/bin/sh\nexec "%s" -m ziglang c++ "$$@"\n' "$(abspath $(BIN))/python" >$(ZIG) && chmod +x $(ZIG))
	$(if $(COMPILER),,CXX=$(ZIG)) $(PIP) install --quiet -c constraints.txt -e '.[dev]'
	@touch $(STAMP) $(NATIVE)

# libempnet again, after a change of its sources.
native: $(NATIVE)

# The installation has just built it where no source is newer.
$(NATIVE): $(STAMP) $(SOURCES)
	@[ -z "$$(find $(SOURCES) -newer $(NATIVE) 2>&1)" ] || \
		$(if $(COMPILER),,CXX=$(ZIG)) $(PIP) install --quiet --no-deps -c constraints.txt -e .
	@touch $(NATIVE)

# Only Linux has two builds. One try: where the index is not reached, the default build is installed at once.
torch-for-cpus:
	@[ "$$(uname -s)" != Linux ] || \
		$(PIP) install --quiet --retries 0 --timeout 10 --no-deps --index-url $(TORCH_INDEX) -c constraints.txt torch 2>/dev/null || \
		echo "No PyTorch for CPUs from $(TORCH_INDEX): pip takes the default build (on Linux, 5 GB with its GPU libraries)."

torch-for-gpus:
	@! $(BIN)/python -c 'import sys, torch; sys.exit(torch.version.cuda is not None)' 2>/dev/null || \
		$(PIP) uninstall --quiet --yes torch

clean:
	rm -rf $(VENV) build dist src/*.egg-info src/empnet/native/libempnet-* .pytest_cache .mypy_cache .ruff_cache .hypothesis
