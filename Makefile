# The lesson, one command each. `make lesson` and `make test` are all that most people need.
PYTHON ?= python3
VENV := .venv
ifeq ($(OS),Windows_NT)
BIN := $(VENV)/Scripts
else
BIN := $(VENV)/bin
endif
RUN := $(BIN)/python

.PHONY: help lesson lab test test-extras data notebooks requirements check clean

help:
	@echo "make lesson     install, then run the six episodes into build/lesson/"
	@echo "make lab        open the lesson in JupyterLab"
	@echo "make test       lint, unit tests, and every notebook compared with its stored outputs"
	@echo "make test-extras  the optional notebooks that need PyTorch"
	@echo "make data       download the 700 real X-rays (166 MB)"
	@echo "make notebooks  after an edit: sync sources and notebooks, run them (EPISODES='03 04' for some)"
	@echo "make check      is everything installed, and in the right version?"
	@echo "make clean      remove what was built (downloaded data and your own work stay)"

$(RUN):
	@$(PYTHON) -c "import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))" || \
	  { echo "This lesson needs Python 3.11, 3.12 or 3.13: make PYTHON=python3.12 $(MAKECMDGOALS)"; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(RUN) -m pip install --quiet --disable-pip-version-check uv

$(VENV)/lesson.stamp: requirements.txt pyproject.toml | $(RUN)
	@echo "Installing the lesson's packages (about 500 MB to download the first time) ..."
	$(RUN) -m uv pip install --quiet --python $(RUN) -r requirements.txt
	$(RUN) -m uv pip install --quiet --python $(RUN) --no-deps --editable .
	@touch $@

$(VENV)/test.stamp: requirements-test.txt $(VENV)/lesson.stamp
	$(RUN) -m uv pip install --quiet --python $(RUN) -r requirements-test.txt
	@touch $@

lesson: $(VENV)/lesson.stamp
	$(RUN) -m tools.notebooks run

lab: $(VENV)/lesson.stamp
	$(RUN) -m jupyter lab --config=tools/jupyter_lab_config.py

check: $(VENV)/lesson.stamp
	$(RUN) -m helpers.check

data: $(VENV)/lesson.stamp
	$(RUN) -m helpers.data fetch

test: $(VENV)/test.stamp
	$(RUN) -m ruff check .
	$(RUN) -m ruff format --check .
	$(RUN) -m pytest -n auto --dist loadfile --nbval --nbval-sanitize-with tests/nbval_sanitize.cfg

# pip, not uv: where a CPU build of torch is at hand (see README), pip finds it
test-extras: $(VENV)/test.stamp
	$(RUN) -m pip install --quiet --disable-pip-version-check -r requirements-extras.txt
	$(RUN) -m pytest -n auto --dist loadfile --nbval --nbval-sanitize-with tests/nbval_sanitize.cfg \
	  notebooks/extras/pytorch.ipynb notebooks/extras/photograph-pytorch.ipynb tests/test_pytorch.py

notebooks: $(VENV)/test.stamp
	$(RUN) -m tools.notebooks update $(EPISODES)

# Pins for Linux, macOS and Windows from pyproject.toml, without any registry's address
COMPILE = $(RUN) -m uv pip compile --quiet --universal --python-version 3.11 --no-annotate \
  --no-emit-index-url --no-emit-find-links --custom-compile-command "make requirements" pyproject.toml
requirements: $(RUN)
	$(COMPILE) --output-file requirements.txt
	$(COMPILE) --extra test --constraint requirements.txt --output-file requirements-test.txt

clean:
	rm -rf build .pytest_cache .ruff_cache
