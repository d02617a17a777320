# On a new machine: `make race` trains MNIST with every method and shows who wins; `make test` runs every check and test.
# Both build .venv first. Another Python: make test PYTHON=python3.12

PYTHON ?= python3
VENV := .venv
LOWEST := .venv-lowest
WORKERS ?= 2
BENCH ?= step_time changing_gradients beyond_torch training_step beside_the_rule first_step accuracy sixteen_bits sweep

PACKAGE := pyproject.toml constraints.txt

.PHONY: help race test test-report docs agreement round-trips check format bench import-cost test-lowest fuzz kills clean

help:
	@echo "make race         build .venv, then race the optimizers on MNIST"
	@echo "make test         build .venv, then run every check and every test"
	@echo "make test-report  the report in a browser (chromium), judged by axe-core, which it fetches"
	@echo "make check        the checks alone: style, format, types, imports"
	@echo "make format       write the files in the house format"
	@echo "make bench        every benchmark in turn: about ten minutes on an idle machine; BENCH=step_time for one"
	@echo "make docs         write docs/optimizers.md from the rules"
	@echo "make agreement    compare every optimizer with other libraries and write docs/agreement.md"
	@echo "make round-trips  ask translate about 5000 random calls and run its answers in the libraries themselves"
	@echo "make import-cost  print what importing steepest costs beyond torch"
	@echo "make test-lowest  the tests with the oldest dependencies that we claim"
	@echo "make fuzz         draw 5000 rules at random and compare what they give on each way: three minutes"
	@echo "make kills        kill a race 100 times and compare what it comes to with undisturbed ones"
	@echo "make clean        remove what these commands made"

race: $(VENV)/lab.installed
	$(VENV)/bin/steepest race mnist

test: check
	$(VENV)/bin/python -m pytest -n $(WORKERS)

test-report: $(VENV)/axe.min.js
	$(VENV)/bin/python -m pytest -rs tests/test_page_in_a_browser.py

docs: $(VENV)/dev.installed
	$(VENV)/bin/python scripts/optimizers_page.py

round-trips: $(VENV)/dev.installed
	$(VENV)/bin/python scripts/round_trips.py

agreement: $(VENV)/dev.installed
	$(VENV)/bin/python -m pytest -n 0 tests/test_agreement.py -k librarys_numbers --write-agreement

check: $(VENV)/dev.installed
	$(VENV)/bin/ruff check
	$(VENV)/bin/ruff format --check
	$(VENV)/bin/pyright --pythonpath $(VENV)/bin/python
	$(VENV)/bin/lint-imports --no-logo

format: $(VENV)/dev.installed
	$(VENV)/bin/ruff check --fix
	$(VENV)/bin/ruff format

import-cost: $(VENV)/dev.installed
	$(VENV)/bin/python scripts/import_cost.py

bench: $(VENV)/dev.installed
	set -e; for each in $(BENCH); do echo "== $$each"; $(VENV)/bin/python benchmarks/$$each.py; done

fuzz: $(VENV)/dev.installed
	$(VENV)/bin/python -m pytest tests/test_random_rules.py --hypothesis-profile=fuzz

kills: $(VENV)/lab.installed
	$(VENV)/bin/python scripts/kill_race.py 100

test-lowest: $(LOWEST)/dev.installed
	$(LOWEST)/bin/python -m pytest -n $(WORKERS)

# pip is the last thing that venv writes, so a venv that was cut off is built again.
$(VENV)/bin/pip $(LOWEST)/bin/pip:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "steepest needs Python 3.11 or newer, and $(PYTHON) is not: name one with make PYTHON=python3.12 ..." >&2; exit 1; }
	$(PYTHON) -m venv $(@D)/..

$(VENV)/lab.installed: $(PACKAGE) | $(VENV)/bin/pip
	$(VENV)/bin/python -m pip install -c constraints.txt -e '.[lab]'
	@touch $@

$(VENV)/dev.installed: $(PACKAGE) | $(VENV)/bin/pip
	$(VENV)/bin/python -m pip install -c constraints.txt -e '.[dev,peers]'
	$(VENV)/bin/python -m pip install -c constraints.txt --no-deps timm # which wants torchvision, for what we do not use
	@touch $@ $(VENV)/lab.installed

$(VENV)/axe.min.js: scripts/fetch_axe.py $(VENV)/dev.installed
	$(VENV)/bin/python scripts/fetch_axe.py $@

$(LOWEST)/dev.installed: pyproject.toml constraints-lowest.txt | $(LOWEST)/bin/pip
	$(LOWEST)/bin/python -m pip install -c constraints-lowest.txt -e '.[dev]'
	@touch $@

clean:
	rm -rf $(VENV) $(LOWEST) build dist .pytest_cache .ruff_cache .hypothesis .import_linter_cache
	find src tests -name __pycache__ -type d -exec rm -rf {} +
