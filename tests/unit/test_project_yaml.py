"""The project's YAML says what it seems to say, and every public model keeps its promises.

On DuckDB dbt accepts misspelt keys in silence (`descripiton`, `data_test`), so the files are checked here
with the schemas that dbt ships for other engines.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from dbt.jsonschemas import jsonschemas

ROOT = Path(__file__).resolve().parents[2]
YAML_FOLDERS = ("models", "seeds", "macros", "tests/dbt")
UNIQUENESS_TESTS = ("unique", "unique_grain")


def without_jinja(value: Any) -> Any:
    """The YAML value without keys whose value is decided by Jinja: the schema expects the decided type."""
    if isinstance(value, dict):
        kept = {
            key: without_jinja(item)
            for key, item in value.items()
            if not (isinstance(item, str) and ("{{" in item or "{%" in item))
        }
        # The schema knows one spelling of a word that dbt reads in any case.
        if isinstance(kept.get("severity"), str):
            kept["severity"] = kept["severity"].capitalize()
        return kept
    if isinstance(value, list):
        return [without_jinja(item) for item in value]
    return value


def schema_errors(content: dict, schema: dict) -> list[str]:
    """One line per violation: where it is and what is wrong there."""

    def leaves(error: jsonschemas.ValidationError) -> Iterator[jsonschemas.ValidationError]:
        if error.context:
            for cause in error.context:
                yield from leaves(cause)
        else:
            yield error

    validator = jsonschemas.CustomDraft7Validator(schema)
    return [
        f"{'.'.join(map(str, leaf.absolute_path)) or 'top level'}: {leaf.message[:300]}"
        for error in validator.iter_errors(without_jinja(content))
        for leaf in leaves(error)
    ]


def yaml_files() -> list[Path]:
    """Every properties file of the project."""
    return sorted(
        path
        for folder in YAML_FOLDERS
        for ending in ("yml", "yaml")
        for path in (ROOT / folder).rglob(f"*.{ending}")
    )


@pytest.mark.parametrize("path", yaml_files(), ids=lambda path: str(path.relative_to(ROOT)))
def test_properties_file_has_only_keys_that_dbt_reads(path: Path) -> None:
    content = yaml.safe_load(path.read_text()) or {}
    # The schema knows only the metrics of dbt 1.12; in the older form dbt itself rejects unknown keys.
    content.pop("metrics", None)
    errors = schema_errors(content, jsonschemas.resources_schema())
    assert not errors, "\n".join(errors)


def test_project_file_has_only_keys_that_dbt_reads() -> None:
    content = yaml.safe_load((ROOT / "dbt_project.yml").read_text())
    assert schema_errors(content, jsonschemas.project_schema()) == []


@pytest.mark.parametrize(
    ("mistake", "word"),
    [
        ({"models": [{"name": "m", "descripiton": "text"}]}, "descripiton"),
        ({"models": [{"name": "m", "grain": ["a"]}]}, "grain"),
        ({"models": [{"name": "m", "config": {"materialised": "table"}}]}, "materialised"),
        ({"models": [{"name": "m", "columns": [{"name": "a", "data_test": ["unique"]}]}]}, "data_test"),
        ({"seeds": [{"name": "s", "colums": []}]}, "colums"),
        ({"cats": []}, "cats"),
    ],
)
def test_schema_check_names_the_mistake(mistake: dict, word: str) -> None:
    assert word in "\n".join(schema_errors(mistake, jsonschemas.resources_schema()))


def test_dbt_reports_no_deprecation_with_its_schema_checks_on(parsed: tuple[dict, list[str]]) -> None:
    assert parsed[1] == []


def broken_promises(model: dict, tests: list[dict]) -> list[str]:
    """What a public model lacks: an enforced contract, a tested grain, descriptions."""
    problems = []
    columns = model["columns"]
    if not model["config"].get("contract", {}).get("enforced"):
        problems.append("its contract is not enforced (config.contract.enforced)")
    if not model["description"].strip():
        problems.append("it has no description")
    problems += [
        f"column {name} has no description"
        for name, column in columns.items()
        if not column["description"].strip()
    ]

    grain = model["config"].get("meta", {}).get("grain")
    if not grain:
        return [*problems, "its grain is not named (config.meta.grain)"]
    problems += [f"grain column {name} is not in the contract" for name in grain if name not in columns]
    if not any(unique_columns(test) == set(grain) for test in tests):
        problems.append(f"no uniqueness test covers its grain ({', '.join(grain)})")
    return problems


def unique_columns(test: dict) -> set[str] | None:
    """Columns that a data test proves unique over all rows; None for any other test."""
    metadata, config = test.get("test_metadata"), test["config"]
    if not metadata or metadata["name"] not in UNIQUENESS_TESTS:
        return None
    if config["severity"].lower() != "error" or config.get("where") or not config["enabled"]:
        return None
    kwargs = metadata["kwargs"]
    return set(kwargs.get("columns") or [kwargs["column_name"]])


def test_every_public_model_keeps_its_promises(parsed: tuple[dict, list[str]]) -> None:
    nodes = parsed[0]["nodes"].values()
    models = [node for node in nodes if node["resource_type"] == "model" and node["access"] == "public"]
    assert models, "no public model was found"
    problems = [
        f"{model['original_file_path']}: {problem}"
        for model in models
        for problem in broken_promises(
            model,
            [node for node in nodes if node.get("attached_node") == model["unique_id"]],
        )
    ]
    assert not problems, "\n".join(problems)


def test_everything_that_the_docs_pages_list_is_described(parsed: tuple[dict, list[str]]) -> None:
    manifest = parsed[0]
    resources = [
        *(node for node in manifest["nodes"].values() if node["resource_type"] in ("model", "seed")),
        *manifest["exposures"].values(),
        *manifest["metrics"].values(),
    ]
    silent = [
        f"{resource['original_file_path']}: {part['name']} has no description"
        for resource in resources
        for part in (resource, *resource.get("columns", {}).values())
        if not part["description"].strip()
    ]
    assert not silent, "\n".join(silent)


def promise(**changes: Any) -> tuple[dict, dict]:
    """A model that keeps every promise and its uniqueness test, with `changes` to the model."""
    model = {
        "description": "One row per journey.",
        "columns": {name: {"description": f"Key {name}."} for name in ("account_key", "journey_id")},
        "config": {"contract": {"enforced": True}, "meta": {"grain": ["account_key", "journey_id"]}},
        **changes,
    }
    test = {
        "test_metadata": {
            "name": "unique_grain",
            "kwargs": {"columns": ["journey_id", "account_key"]},
        },
        "config": {"severity": "ERROR", "where": None, "enabled": True},
    }
    return model, test


def test_a_model_with_contract_grain_test_and_descriptions_passes() -> None:
    model, test = promise()
    assert broken_promises(model, [test]) == []


@pytest.mark.parametrize(
    ("changes", "word"),
    [
        ({"description": " "}, "no description"),
        (
            {"columns": {"account_key": {"description": "Key."}, "journey_id": {"description": ""}}},
            "journey_id",
        ),
        ({"config": {"meta": {"grain": ["account_key", "journey_id"]}}}, "contract"),
        ({"config": {"contract": {"enforced": True}}}, "grain is not named"),
        ({"config": {"contract": {"enforced": True}, "meta": {"grain": ["account_key"]}}}, "uniqueness"),
        ({"columns": {"account_key": {"description": "Key."}}}, "journey_id is not in the contract"),
    ],
)
def test_a_broken_promise_is_named(changes: dict, word: str) -> None:
    model, test = promise(**changes)
    assert word in "\n".join(broken_promises(model, [test]))


@pytest.mark.parametrize(
    "weakening", [{"severity": "warn"}, {"where": "journey_id <> 'ALL'"}, {"enabled": False}]
)
def test_a_weakened_uniqueness_test_does_not_count(weakening: dict) -> None:
    model, test = promise()
    test["config"] |= weakening
    assert "uniqueness" in "\n".join(broken_promises(model, [test]))
