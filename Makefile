# Journey warehouse: every command in one place. `make` lists them.

SHELL := /bin/sh
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

PYTHON := .venv/bin/python
STAMP := .venv/.installed
SPARK_STAMP := .venv/.installed-spark
LINTED_SQL := models tests/dbt

export DO_NOT_TRACK := 1
export PIP_DISABLE_PIP_VERSION_CHECK := 1
export JOURNEY_WAREHOUSE := $(or $(WAREHOUSE),warehouse/$(if $(filter spark,$(DBT_TARGET)),spark,journeys).duckdb)

.PHONY: help setup setup-spark run spark pipeline dagster rollback export test test-slow lint format demo scenarios coverage benchmark quality docs clean lock

help: ## List the commands
	@echo "Usage: make COMMAND [VARIABLE=value]"
	@echo
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/\1|\2/p' $(MAKEFILE_LIST) \
	    | while IFS='|' read -r name text; do printf '  %-11s %s\n' "$$name" "$$text"; done
	@echo
	@echo "Variables: LANDING=folder of raw files, WAREHOUSE=DuckDB file, VARS='{\"as_of\": \"2026-08-01\"}',"
	@echo "           FORCE=1 to rebuild unchanged data, FILES='a.yaml b.yaml' for scenarios,"
	@echo "           NAME=export_pw_users, FORMAT=xlsx, OPTIONS='--journey welcome' and LIST=1 for export"

setup: $(STAMP) ## Create .venv with the locked packages (runs again only when the lock changed)

$(STAMP): requirements.lock
	@python=; \
	for name in python3.13 python3.12 python3.11 python3; do \
	    if $$name -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' 2>/dev/null; then \
	        python=$$name; break; \
	    fi; \
	done; \
	if [ -z "$$python" ]; then \
	    echo "No Python 3.11, 3.12 or 3.13 was found on the PATH. Install one, then run 'make setup' again." >&2; \
	    exit 1; \
	fi; \
	if ! $$python -c 'import ensurepip, venv' 2>/dev/null; then \
	    echo "$$python cannot create virtual environments. Install its venv package" \
	         "(Debian and Ubuntu: apt install python3-venv), then run 'make setup' again." >&2; \
	    exit 1; \
	fi; \
	if ! $(PYTHON) -c 'import pip, sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then \
	    $$python -m venv .venv; \
	fi
	@echo "Installing the locked packages into .venv (about a minute) ..."
	@$(PYTHON) -m pip install --quiet --no-deps --require-hashes -r requirements.lock
	@touch $@

setup-spark: $(SPARK_STAMP) ## Add Apache Spark and its dbt adapter to .venv; needs Java 17

$(SPARK_STAMP): requirements-spark.lock $(STAMP)
	@java=java; [ -z "$$JAVA_HOME" ] || java="$$JAVA_HOME/bin/java"; \
	version=$$("$$java" -version 2>&1 | sed -n 's/.* version "\([0-9]*\).*/\1/p'); \
	if [ "$${version:-0}" -lt 17 ]; then \
	    echo "Spark needs Java 17 or later; found: $${version:-none}. Install it" \
	         "(Debian and Ubuntu: apt install openjdk-17-jre-headless) or set JAVA_HOME, then try again." >&2; \
	    exit 1; \
	fi
	@echo "Installing Spark into .venv (about 430 MB) ..."
	@$(PYTHON) -m pip install --quiet --no-deps --require-hashes -r requirements-spark.lock
	@touch $@

run: export LANDING := $(or $(LANDING),demo/landing)
run: $(STAMP) $(if $(LANDING),,demo) ## Build the warehouse from LANDING (default: demo data) and show the overview
	@$(PYTHON) -m orchestration.cli run $(if $(FORCE),--force) $(if $(VARS),--vars "$$VARS")

spark: export LANDING := $(abspath $(or $(LANDING),demo/landing))
spark: export JOURNEY_SPARK_WAREHOUSE := $(abspath $(or $(WAREHOUSE),warehouse/spark))
spark: $(SPARK_STAMP) $(if $(LANDING),,demo) ## Build and test the warehouse on Apache Spark below WAREHOUSE (docs/portability.md)
	@.venv/bin/dbt build --target spark --exclude-resource-type unit_test

pipeline dagster: export LANDING := $(or $(LANDING),demo/landing)
pipeline dagster: export VARS := $(VARS)
pipeline dagster: $(if $(filter spark,$(DBT_TARGET)),$(SPARK_STAMP))
pipeline: $(STAMP) $(if $(LANDING),,demo) ## Run the daily job once: build, audit, publish, export (docs/pipeline.md)
	@$(PYTHON) -W ignore -m orchestration.pipeline $(if $(FORCE),--force) $(OPTIONS)

dagster: export DAGSTER_HOME := $(abspath $(or $(DAGSTER_HOME),.dagster))
dagster: export PYTHONWARNINGS := ignore
dagster: $(STAMP) $(if $(LANDING),,demo) ## Start the page of the pipeline with its schedule and sensors, on PORT (3000)
	@$(PYTHON) -m orchestration.pipeline --prepare
	@.venv/bin/dagster dev -m orchestration.definitions --port $(or $(PORT),3000)

rollback: $(STAMP) ## Serve the version before, or VERSION; LIST=1 lists the kept versions
	@$(PYTHON) -m orchestration.publish $(if $(LIST),list,rollback $(VERSION))

export: $(STAMP) ## Write every export as a file below exports/, or the one of NAME; docs/exports.md has the options
	@$(PYTHON) -m orchestration.exports $(NAME) $(if $(LIST),--list) $(if $(FORMAT),--format $(FORMAT)) $(OPTIONS)

test: lint ## Run every check: lint, then all tests but the slow ones
	@$(PYTHON) -m pytest -n logical --dist loadfile --no-loadscope-reorder -m "not slow"

test-slow: $(STAMP) ## Run the slow tests: many random cases, kills at many moments, long drills (hours)
	@$(PYTHON) -m pytest -n logical --dist loadfile --no-loadscope-reorder -m slow

lint: $(STAMP) ## Check style and that dbt reads the project without a warning
	@$(PYTHON) -m ruff check .
	@$(PYTHON) -m ruff format --check .
	@.venv/bin/sqlfluff lint $(LINTED_SQL)
	@.venv/bin/dbt --quiet --warn-error-options '{"error": "all"}' parse --no-partial-parse
	@PYTHONWARNINGS=ignore .venv/bin/dagster definitions validate -m orchestration.definitions --log-level warning

format: $(STAMP) ## Rewrite Python and SQL in the project's style
	@$(PYTHON) -m ruff check --fix .
	@$(PYTHON) -m ruff format .
	@.venv/bin/sqlfluff fix $(LINTED_SQL)

demo: demo/truth/truth.json ## Generate the demo data under demo/

demo/truth/truth.json: | $(STAMP)
	@$(PYTHON) -m simulator --out demo

scenarios: $(STAMP) ## Run the metric scenarios, or those of FILES
	@$(PYTHON) -m pytest tests/scenarios $(foreach file,$(FILES),--scenario-file $(file))

coverage: $(STAMP) ## Write docs/coverage.md: column and tests of every item of the vendor pages
	@$(PYTHON) -m orchestration.coverage

benchmark: $(STAMP) ## Measure builds against a plain load and a Polars script: OPTIONS='--events 1m --repeat 1'
	@$(PYTHON) -m benchmarks $(OPTIONS)

quality: $(STAMP) ## Judge the built warehouse by its expectations; writes quality.html beside it
	@$(PYTHON) -m expectations

docs: $(STAMP) ## Write the documentation page target/static_index.html of the built warehouse
	@[ -e "$$JOURNEY_WAREHOUSE" ] || { echo "There is no warehouse at $$JOURNEY_WAREHOUSE. Run 'make run' first." >&2; exit 1; }
	@.venv/bin/dbt --quiet docs generate --static --no-compile
	@echo "Open target/static_index.html in a browser."

clean: ## Remove what the commands created: warehouse/, demo/, target/, logs/, .dagster/ (not serving/, exports/)
	@rm -rf warehouse demo target logs .dagster

lock: ## Renew the locks from pyproject.toml (needs uv)
	@command -v uv >/dev/null || { echo "uv was not found. Install it (pip install uv), then run 'make lock' again." >&2; exit 1; }
	@uv lock --quiet --upgrade
	@uv export --quiet --no-header --no-annotate --output-file requirements.lock
	@uv export --quiet --no-header --no-annotate --extra spark | grep -vxFf requirements.lock >requirements-spark.lock
	@! grep -nE '://|^--' requirements*.lock || { echo "A lock names a package host." >&2; exit 1; }
