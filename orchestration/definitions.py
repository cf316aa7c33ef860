"""What Dagster loads: `make dagster` shows it, `make pipeline` runs its daily job once."""

from orchestration.project import build_definitions
from orchestration.settings import read_settings

defs = build_definitions(read_settings())
