# `make demo` and `make test` need nothing but Python 3.10-3.13 and make.

PYTHON ?= python3
VENV ?= .venv
BIN = $(VENV)/bin
PIP = $(BIN)/python -m pip install --quiet --disable-pip-version-check

.PHONY: demo quick test slow faults lint docs clean

# One stamp per extra: an install runs again only when setup.py changes. The pip
# that comes with Python 3.10 finds no versions for these in nine minutes.
$(VENV)/installed-%: setup.py pyproject.toml
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(PIP) --upgrade pip
	$(PIP) -e ".[$*]"
	touch $@

demo: $(VENV)/installed-cpu
	$(BIN)/simclr pipeline configs/pipelines/demo.py

quick: $(VENV)/installed-cpu,test
	$(BIN)/python -m pytest -m quick -n 2 --dist worksteal

test: $(VENV)/installed-cpu,test
	$(BIN)/python -m pytest -n 2 --dist worksteal

slow: $(VENV)/installed-cpu,test,aot
	$(BIN)/python -m pytest -m slow

# Commands that are killed at random: a quarter of an hour or more.
faults: $(VENV)/installed-cpu,test,aot
	$(BIN)/python -m tests.faults

lint: $(VENV)/installed-cpu,test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

# Strict: a link to nothing is an error (--quiet would not count it). The site
# lies in build/site. The notebooks, Kaggle's too, run from top to bottom, with
# small settings.
docs: $(VENV)/installed-docs $(VENV)/installed-cpu,test
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --clean
	$(BIN)/python -m pytest -m slow tests/test_notebooks.py tests/test_kaggle.py

clean:
	rm -rf $(VENV) build *.egg-info
