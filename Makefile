# The lesson, one command each. `make lesson` and `make test` are all that most people need.
PYTHON ?= python3
VENV := .venv
ifeq ($(OS),Windows_NT)
BIN := $(VENV)/Scripts
else
BIN := $(VENV)/bin
endif
RUN := $(BIN)/python
UV = $(RUN) -m uv pip
INSTALL = $(UV) install --quiet --python $(RUN)
TORCH := torch==2.13.0
LAB := tests/browser/test_lab.py

# Advice on pip itself that nobody who follows the lesson needs
export PIP_DISABLE_PIP_VERSION_CHECK := 1
export PIP_ROOT_USER_ACTION := ignore

.PHONY: help lesson lab update check-setup data test test-extras test-site test-lab test-setup \
  test-hub hub benchmark-tests fuzz style lint notebooks minutes pretrain site requirements clean

help:
	@echo "make lesson       install, then run the nine episodes into build/lesson/"
	@echo "make lab          open your copies of the notebooks, work/notebooks/, in JupyterLab"
	@echo "make update       get the newest lesson; what you wrote in your copies is kept"
	@echo "make check-setup  is everything installed, and in the right version?"
	@echo "make data         download the 700 real X-rays (166 MB)"
	@echo "make hub          try what a class gets on one server: JupyterHub with three learners (needs npm)"
	@echo "make clean        remove what was built (downloaded data and your own work stay)"
	@echo
	@echo "To change the lesson (see CONTRIBUTING.md):"
	@echo "make test         lint, unit tests, and every notebook compared with its stored outputs"
	@echo "make test-extras  the optional notebooks that need PyTorch"
	@echo "make test-site    all pages and the playground in a browser (needs npm and Chromium)"
	@echo "make test-hub     JupyterHub for a class, as deploy/one-server/ sets it up (needs npm and Chromium)"
	@echo "make test-lab     every notebook in JupyterLab, in a browser (needs Chromium)"
	@echo "make test-setup   every command of guide/setup.md, in new copies (installs five times)"
	@echo "make fuzz         thousands of odd inputs and faults, half an hour and more (FUZZ_CASES=300 for fewer)"
	@echo "make lint         ruff, spelling and types alone"
	@echo "make notebooks    after an edit: sync sources and notebooks, run them (EPISODES='03 04' for some)"
	@echo "make minutes      how long each episode takes to teach, from its words, code and exercises"
	@echo "make pretrain     train the bundled network again"
	@echo "make site         the lesson as web pages, in build/site/"
	@echo "make requirements pin all packages, with their hashes (UPGRADE=--upgrade for newer ones)"
	@echo "make benchmark-tests  how long the tests take, and which the most"

$(RUN):
	@$(PYTHON) -c "import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))" || \
	  { echo "This lesson needs Python 3.11, 3.12 or 3.13: make PYTHON=python3.12 $(MAKECMDGOALS)"; exit 1; }
	$(PYTHON) -m venv $(VENV)

$(VENV)/uv.stamp: requirements-uv.txt | $(RUN)
	$(RUN) -m pip install --quiet --require-hashes -r requirements-uv.txt
	@touch $@

$(VENV)/lesson.stamp: requirements.txt pyproject.toml $(VENV)/uv.stamp
	@echo "Installing the lesson's packages (about 500 MB to download the first time) ..."
	$(INSTALL) --require-hashes -r requirements.txt
	$(INSTALL) --no-deps --no-build-isolation --editable .
	@touch $@

$(VENV)/test.stamp: requirements-test.txt $(VENV)/lesson.stamp
	$(INSTALL) --require-hashes -r requirements-test.txt
	@touch $@

lesson: $(VENV)/lesson.stamp
	$(RUN) -m tools.notebooks run

lab: $(VENV)/lesson.stamp
	$(RUN) -m jupyter lab --config=tools/jupyter_lab_config.py

update:
	git pull --ff-only
	$(MAKE) $(VENV)/lesson.stamp
	$(RUN) -m tools.copies

check-setup: $(VENV)/lesson.stamp
	$(RUN) -m tools.check_setup

data: $(VENV)/lesson.stamp
	$(RUN) -m tools.fetch

style: $(VENV)/test.stamp
	$(RUN) -m ruff check .
	$(RUN) -m ruff format --check .
	$(RUN) -m codespell_lib

lint: style
	$(RUN) -m mypy

# How the tests are run and shared out stands in pyproject.toml and conftest.py; mypy is one of them
test: style
	$(RUN) -m pytest -n auto

# pip, not uv, takes PyTorch: where a build for processors alone is at hand, pip finds it
test-extras: $(VENV)/test.stamp
	$(INSTALL) --no-deps --require-hashes -r requirements-extras.txt
	$(RUN) -m pip install --quiet $(TORCH)
	$(RUN) -m pytest -n auto notebooks/extras/pytorch.ipynb \
	  notebooks/extras/photograph-pytorch.ipynb tests/lesson/test_pytorch.py

$(VENV)/browser.stamp: requirements-browser.txt $(VENV)/test.stamp
	$(INSTALL) --require-hashes -r requirements-browser.txt
	@touch $@

test-site: $(VENV)/browser.stamp node_modules/.package-lock.json
	$(RUN) -m pytest -m browser tests/browser --ignore=$(LAB)

# What learners see of `make lab`; Node is not needed
test-lab: $(VENV)/browser.stamp
	$(RUN) -m pytest -m browser $(LAB)

# JupyterHub and its proxy, as deploy/one-server/install.sh installs them
PROXY := deploy/one-server/node_modules/.package-lock.json
$(VENV)/hub.stamp: requirements-hub.txt $(VENV)/lesson.stamp
	$(INSTALL) --require-hashes -r requirements-hub.txt
	@touch $@

$(PROXY): deploy/one-server/package.json deploy/one-server/package-lock.json
	npm ci --ignore-scripts --prefix deploy/one-server

hub: $(VENV)/hub.stamp $(PROXY)
	$(RUN) -m tools.hub

test-hub: $(VENV)/browser.stamp $(VENV)/hub.stamp $(PROXY) node_modules/.package-lock.json
	$(RUN) -m pytest -m hub tests/deploy tests/benchmarks/test_classroom.py tests/browser/test_board.py

test-setup: $(VENV)/test.stamp
	$(RUN) -m pytest -m setup tests/house

# `make test` tries 200 cases of each property and leaves out the slow faults
fuzz: $(VENV)/test.stamp
	$(RUN) -m pytest -n auto -m "slow or not slow" --hypothesis-profile=fuzz tests/fuzz

benchmark-tests: $(VENV)/test.stamp
	$(RUN) -m benchmarks.tests

notebooks: $(VENV)/test.stamp
	$(RUN) -m tools.notebooks update $(EPISODES)

minutes: $(VENV)/test.stamp
	@$(RUN) -m tools.minutes

pretrain: $(VENV)/lesson.stamp
	$(RUN) -m tools.pretrain

# TensorFlow.js, which the playground runs in the browser
node_modules/.package-lock.json: package.json package-lock.json
	npm ci --ignore-scripts || echo "TensorFlow.js cannot be installed."

# Without npm, the playground is built without TensorFlow.js, and its page says so
site: $(VENV)/test.stamp $(if $(shell command -v npm),node_modules/.package-lock.json)
	$(RUN) -m tools.pages

# Pins for Linux, macOS and Windows from pyproject.toml, without any registry's address
COMPILE = $(UV) compile --quiet --universal --python-version 3.11 --no-annotate --generate-hashes \
  --no-emit-index-url --no-emit-find-links $(UPGRADE) --custom-compile-command
HOW := "make requirements"
# It has no PyTorch: a build for processors is another file, with another hash, than the usual one
HOW_EXTRAS := "make requirements (PyTorch, whose builds differ in hashes, comes apart: $(TORCH))"
requirements: $(VENV)/uv.stamp
	$(COMPILE) $(HOW) pyproject.toml --output-file requirements.txt
	$(COMPILE) $(HOW) pyproject.toml --extra test --constraint requirements.txt \
	  --output-file requirements-test.txt
	$(COMPILE) $(HOW) --group uv --output-file requirements-uv.txt
	$(COMPILE) $(HOW) --group browser --constraint requirements-test.txt \
	  --output-file requirements-browser.txt
	$(COMPILE) $(HOW) --group hub --constraint requirements-test.txt \
	  --output-file requirements-hub.txt
	$(COMPILE) $(HOW_EXTRAS) --group pytorch --no-deps --output-file requirements-extras.txt

clean:
	rm -rf build .pytest_cache .ruff_cache .mypy_cache
