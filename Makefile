# The two commands a newcomer needs are `make demo` and `make test`; both set everything up first.
PYTHON ?= python3
VENV   ?= .venv
BIN    := $(VENV)/bin
BENCH_DEALS ?= 1000000
CASES  ?= 1000000
SEED   ?= 1
DAYS   ?= 30
ON     ?= sqlite,postgresql
READY  := $(VENV)/.ready
AIRFLOW := .venv-airflow

.PHONY: help demo bidding-demo demo-site demo-crm airflow-demo own-night quick-start night test long quick browser conformance check lint types imports messages readme mutants fuzz soak audience-nights learned-worlds nights-on-postgresql bench bench-years bench-page bench-collect bench-peers profile dist docs pictures reference format lock clean

help:
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

$(READY): pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev]'
	$(BIN)/python -m compileall -q src
	@touch $@

demo: $(READY)  ## three nights against the sandbox, from nothing
	@$(BIN)/python -m scripts.demo

bidding-demo: $(READY)  ## the sales that raw leads, won deals alone and expected values bring, told to a bidder
	@$(BIN)/python -m scripts.bidding_demo

demo-site: $(READY)  ## a small site, the collector and a CRM: click, send the form, and see what a night counts
	@$(BIN)/python -m scripts.demo_site

demo-crm: $(READY)  ## the same from another CRM: make demo-crm CRM=salesforce
	@$(BIN)/python -m scripts.demo $(CRM)

$(AIRFLOW)/.ready: pyproject.toml constraints-airflow.txt
	$(PYTHON) -m venv $(AIRFLOW)
	$(AIRFLOW)/bin/python -m pip install --quiet --disable-pip-version-check -c constraints-airflow.txt -e '.[airflow-demo]'
	@touch $@

airflow-demo: $(AIRFLOW)/.ready  ## three companies on Apache Airflow, in an environment of its own; a worker is killed
	$(AIRFLOW)/bin/python -m pytest -q -W ignore --noconftest tests/unit/test_airflow_dags.py
	$(AIRFLOW)/bin/python -m scripts.airflow_demo

own-night: $(READY)  ## type what docs/operations.md says, from an empty folder: ARGS=--installed is quicker
	$(BIN)/python -m scripts.own_night $(ARGS)

quick-start: $(READY)  ## type what docs/quick-start.md says, from an empty folder: ARGS=--installed is quicker
	$(BIN)/python -m scripts.quick_start $(ARGS)

night: $(READY)  ## thirty nights in which everything goes wrong, on both databases: DAYS=4 ON=sqlite is quick
	$(BIN)/python -m tests.month $(SEED) $(DAYS) $(ON)

test: $(READY)  ## the tests
	$(BIN)/pytest -n 2 --dist worksteal

long: $(READY)  ## the tests that take seconds each: whole worlds, months, every kind of kill
	$(BIN)/pytest -n 2 --dist worksteal -m 'long and not slow'

quick: $(READY)  ## units, store on SQLite and command line: make quick VENV=.venv-3.13 PYTHON=python3.13
	$(BIN)/pytest -n 2 --dist worksteal -k 'not postgresql' tests/unit tests/store tests/cli

browser: $(READY)  ## the snippet and the page in a real Chromium, step by step
	$(BIN)/pytest tests/browser -m "not slow" -v

conformance: $(READY)  ## what each ad platform does, rule by rule, asked of the sandbox
	$(BIN)/pytest tests/conformance -vv

check: lint types imports readme docs  ## what a change must pass beside the tests

lint: $(READY)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .

types: $(READY)
	$(BIN)/mypy

imports: $(READY)
	$(BIN)/lint-imports

messages: $(READY)  ## write docs/messages.md anew: each typical mistake, made and reported
	$(BIN)/python -m scripts.messages_page

readme: $(READY)
	$(BIN)/python -m scripts.check_readme

docs: $(READY)  ## the docs as a site in build/site; links, contents and what it would load are checked
	$(BIN)/python -m scripts.docs_site

pictures: demo  ## draw docs/pictures/ anew: how the demo ends, and the page in Chromium
	$(BIN)/python -m scripts.demo_picture
	CONVSYNC_PICTURES=keep $(BIN)/pytest -m long tests/browser/test_pictures.py

reference: $(READY)  ## write docs/settings.md, commands.md and codes.md anew, from the code
	$(BIN)/python -m scripts.reference

mutants: $(READY)  ## take away each event and each arrow of the ledger: each must be noticed
	$(BIN)/python -m tests.mutants

fuzz: $(READY)  ## a million odd cells, URLs, rows, files and CRM answers: CASES=20000 is quick, SEED=2 others
	$(BIN)/python -m tests.fuzz $(CASES) $(SEED)

soak: $(READY)  ## what takes long: a platform in trouble, messy exports, a night killed at every step, each benchmark at its smallest
	$(BIN)/pytest -m slow --timeout 0
	$(BIN)/pytest -m hypothesis --hypothesis-profile soak --timeout 0
	CRM_SEEDS=20 $(BIN)/pytest -m 'not slow' --timeout 0 tests/nights/test_any_crm_world.py

learned-worlds: $(READY)  ## values learned in two hundred worlds: how near the true chances, and how often an interval holds them
	@$(BIN)/python -m scripts.learned_worlds

audience-nights: $(READY)  ## thirty nights of withdrawals, kills and faults: each list equals its condition; on both databases
	$(BIN)/pytest -m slow --timeout 0 tests/nights/test_audience_worlds.py
	NIGHTS_ON=postgresql $(BIN)/pytest -m slow --timeout 0 tests/nights/test_audience_worlds.py

NIGHTS := what_is_counted crm_nights absence bad_records lost_answers changing_apis refused_plans \
          any_world any_crm_world forgetting merges purged_histories audiences write_back
nights-on-postgresql: $(READY)  ## whole nights against the sandbox, their ledger on PostgreSQL
	NIGHTS_ON=postgresql $(BIN)/pytest -m 'not slow' $(NIGHTS:%=tests/nights/test_%.py)

bench: $(READY)  ## each figure beside its floor and its bar: BENCH_DEALS=100000 is quicker, ONLY=status,plan alone
	$(BIN)/python -m scripts.bench --deals $(BENCH_DEALS) --only '$(ONLY)'

bench-years: $(READY)  ## questions and filters of a ledger of ten events a deal: an hour, and 6 GB in TMPDIR
	$(BIN)/python -m scripts.bench --deals $(BENCH_DEALS) --years

bench-page: $(READY)  ## each first screen of the page on that ledger, alone and as twenty readers beside a running night; FOLDER=… keeps the ledger
	$(BIN)/python -m scripts.bench.reading_pages --deals $(BENCH_DEALS) $(FOLDER:%=--folder %)

bench-collect: $(READY)  ## reports a second that the collector writes before it answers
	$(BIN)/python -m scripts.bench.collecting

bench-peers: $(READY)  ## the same rows through drt-core and Google's sample loop, in environments of their own
	$(BIN)/python -m scripts.bench.peers

dist: $(READY)  ## a release: built, installed on each Python here, a night run by it, its bill of materials
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[release]'
	$(BIN)/python -m scripts.dist

profile: $(READY)  ## where the CPU seconds of a night go, by stage
	$(BIN)/python -m scripts.bench.stages

format: $(READY)  ## format and fix what can be fixed
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

lock: $(READY)  ## pin what is installed now
	$(BIN)/python -m pip freeze --exclude-editable | sed '/^-e/d' > constraints.txt

clean:
	rm -rf $(VENV) .venv-* demo demo-site build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -o -name '*.egg-info' | xargs rm -rf
