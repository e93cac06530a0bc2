# make run · make test · make test-colab · make lab · make notebooks · make text · make checkpoints · make seeds LESSON=NN · make bench · make links REPO=owner/name · make site · make explorer · make test-site · make handout · make report SUBMISSIONS=folder · make lock
PYTHON ?= python3
PROFILE ?= quick
PYTHON313 ?= python3.13
BIN := .venv/bin
INSTALLED := .venv/.installed
BENCH := benchmarks/.venv
COLAB := .venv-colab
LESSON_OPTION := $(if $(LESSON),--lesson $(LESSON))
JOBS_OPTION := $(if $(JOBS),--jobs $(JOBS))
NOTEBOOKS := $(if $(LESSON),$(or $(wildcard notebooks/$(LESSON)_*.ipynb),notebooks/$(LESSON).ipynb),notebooks)

define CHECK_PYTHON
import sys
if not (3, 11) <= sys.version_info[:2] <= (3, 13):
    sys.exit("The course needs Python 3.11 to 3.13; this is %d.%d. Name another: make PYTHON=python3.12" % sys.version_info[:2])
endef
export CHECK_PYTHON

.PHONY: run test unit system-tests notebook-tests test-colab test-site lab notebooks text links site explorer handout report checkpoints seeds bench lock

run: $(INSTALLED)
	$(BIN)/python -m tools.lessons run $(LESSON_OPTION) --profile $(PROFILE) $(JOBS_OPTION)

test: unit system-tests notebook-tests

# Two processes at once share the cores: threads beyond them only wait.
SHARE := $(shell echo $$(( ($$(getconf _NPROCESSORS_ONLN) + 1) / 2 )))
unit system-tests notebook-tests: export OMP_NUM_THREADS = $(SHARE)
unit system-tests notebook-tests: export TF_NUM_INTRAOP_THREADS = $(SHARE)
unit system-tests notebook-tests: export TF_NUM_INTEROP_THREADS = $(SHARE)

unit: $(INSTALLED)
	$(BIN)/ruff check . && $(BIN)/ruff format --check . || \
	  { echo "Style: .venv/bin/ruff check --fix . && .venv/bin/ruff format ."; exit 1; }
	$(BIN)/python -m pytest tests --ignore tests/browser -m "not system" -n 2 --dist worksteal

# Kernels, processes that are killed, environments from nothing, graders, trainings that learn something.
system-tests: $(INSTALLED)
	$(BIN)/python -m pytest tests --ignore tests/browser -m system -n 2 --dist loadscope

notebook-tests: export COURSE_PROFILE = quick
notebook-tests: $(INSTALLED)
	cache=$$(mktemp -d) && trap 'rm -rf "$$cache"' EXIT && COURSE_CACHE=$$cache $(BIN)/python -m pytest -p tools.nbval_twice \
	  --nbval-lax --nbval-current-env --nbval-sanitize-with tests/sanitize.cfg -n 2 --dist loadscope $(NOTEBOOKS)

# Colab's versions, and each notebook opened alone. It needs Python 3.13, which Debian 13 has: apt-get install python3-venv git.
test-colab: $(INSTALLED) $(COLAB)/.installed
	folder=$$(mktemp -d) && trap 'rm -rf "$$folder"' EXIT && $(BIN)/python -m tools.handout --wheel-only $$folder && \
	$(COLAB)/bin/python tools/colab.py --wheel $$folder/*.whl --repository . $(sort $(wildcard notebooks/[0-9]*.ipynb))

lab: $(INSTALLED)
	$(BIN)/jupyter lab notebooks

notebooks: $(INSTALLED)
	$(BIN)/python -m tools.lessons build $(LESSON_OPTION) $(JOBS_OPTION)

text: $(INSTALLED)
	$(BIN)/python -m tools.lessons text $(LESSON_OPTION)

links: $(INSTALLED)
	$(BIN)/python -m tools.lessons link --repo "$(REPO)"

# The latent space to walk in with a finger: one HTML file, from the models in data/explorer/.
explorer: $(INSTALLED)
	$(BIN)/python -m tools.explorer

site explorer handout: export TF_CPP_MIN_LOG_LEVEL = 3  # on GPUs that are not there

# The course as a website, from the stored notebooks; it needs npm (for MathJax, which the site serves itself).
site: .venv/.site
	$(BIN)/python -m tools.site

# What readers meet, in headless Chromium: apt-get install chromium, or .venv/bin/playwright install chromium.
test-site: site
	$(BIN)/python -m pytest tests/browser -n 2

# One zip for a learning platform: the package as a wheel, the notebooks without outputs and answers, a README.
handout: $(INSTALLED)
	$(BIN)/python -m tools.handout

# Each student's outcome in each exercise, from a folder of handed-in notebooks. OPTIONS: see --help.
report: $(INSTALLED)
	$(BIN)/python -m tools.report "$(SUBMISSIONS)" $(OPTIONS)

# Trained models of lessons 09 (with scores), 11, 14 and 15, and of the explorer; skips what is there, goes on where it was interrupted. OPTIONS: see --help.
checkpoints: $(INSTALLED)
	$(BIN)/python tools/train_checkpoints.py $(OPTIONS)
	$(BIN)/python tools/train_lesson_11.py
	$(BIN)/python tools/train_lesson_14.py
	$(BIN)/python tools/train_lesson_15.py
	$(BIN)/python tools/train_explorer.py

# Two further full runs of a lesson, each with another seed: the numbers of its bounds, for the spread that it shows.
seeds: $(INSTALLED)
	$(BIN)/python -m tools.seeds $(LESSON_OPTION)

# In an environment of its own, with PyTorch and JAX; about ten minutes.
bench: $(BENCH)/.installed
	$(BENCH)/bin/python benchmarks/throughput.py

# What the course is tested with: everything that the ranges in requirements.txt resolve to today, for all Pythons and systems.
EXPORT := --quiet --frozen --no-hashes --no-emit-project --no-annotate --no-header
lock: export UV_DEFAULT_INDEX = https://pypi.org/simple
lock:
	folder=$$(mktemp -d) && trap 'rm -rf "$$folder"' EXIT && $(PYTHON) -m venv $$folder && \
	$$folder/bin/pip install --quiet uv && $$folder/bin/uv lock --upgrade && \
	{ echo "# Made by \`make lock\` from uv.lock; every install of the course uses it."; \
	  $$folder/bin/uv export $(EXPORT); } > constraints/tested.txt && \
	{ echo "# Made by \`make lock\` from uv.lock: what \`make site\` and \`make test-site\` install besides."; \
	  $$folder/bin/uv export $(EXPORT) --only-group site; } > constraints/site.txt

$(INSTALLED): requirements.txt constraints/tested.txt pyproject.toml
	@$(PYTHON) -c "$$CHECK_PYTHON"
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --disable-pip-version-check -r requirements.txt -c constraints/tested.txt
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps -e .
	touch $@

.venv/.site: $(INSTALLED) constraints/site.txt docs/package-lock.json
	$(BIN)/pip install --quiet --disable-pip-version-check -r constraints/site.txt
	mkdir -p build/npm && cp docs/package.json docs/package-lock.json build/npm && npm ci --silent --prefix build/npm
	touch $@

$(COLAB)/.installed: constraints/colab.txt
	$(PYTHON313) -m venv $(COLAB)
	$(COLAB)/bin/pip install --quiet --disable-pip-version-check -r constraints/colab.txt nbclient nbformat tqdm pillow
	touch $@

$(BENCH)/.installed: benchmarks/requirements.txt constraints/tested.txt
	@$(PYTHON) -c "$$CHECK_PYTHON"
	$(PYTHON) -m venv $(BENCH)
	$(BENCH)/bin/pip install --quiet --disable-pip-version-check -r benchmarks/requirements.txt -c constraints/tested.txt
	touch $@
