"""What several unit tests read: one parse of the project serves them all."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
from dbt.cli.main import dbtRunner
from dbt.jsonschemas import jsonschemas

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="session")
def parsed(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict, list[str]]:
    """The manifest of a fresh parse, and the deprecations that dbt's own schema checks report."""
    target = tmp_path_factory.mktemp("parse")
    deprecations: list[str] = []

    def keep_deprecation(event: Any) -> None:
        if event.info.name.endswith("Deprecation"):
            deprecations.append(event.info.msg)

    arguments = ["--quiet", "parse", "--no-partial-parse", "--show-all-deprecations"]
    for option in ("project-dir", "profiles-dir"):
        arguments += [f"--{option}", str(ROOT)]
    for option in ("target-path", "log-path"):
        arguments += [f"--{option}", str(target)]
    working_folder = Path.cwd()
    with pytest.MonkeyPatch.context() as patch:
        checked = jsonschemas._JSONSCHEMA_SUPPORTED_ADAPTERS | {"duckdb"}
        patch.setattr(jsonschemas, "_JSONSCHEMA_SUPPORTED_ADAPTERS", checked)
        patch.setenv("JOURNEY_WAREHOUSE", str(target / "unused.duckdb"))
        result = dbtRunner(callbacks=[keep_deprecation]).invoke(arguments)
    os.chdir(working_folder)
    assert result.success, result.exception
    return json.loads((target / "manifest.json").read_text()), deprecations
