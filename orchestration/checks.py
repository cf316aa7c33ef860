"""The audit: every suite of expectations as a check of the asset that it judges."""

# No future annotations here: Dagster compares the annotated types themselves.

from collections.abc import Iterator
from typing import Any

import dagster as dg

from expectations.suites import declared_suites, table_suites
from orchestration.assets import POOL, RETRIES, explained, mark_audited
from orchestration.settings import Settings

# Suites over several tables are shown at the summary of the load.
SUMMARY = dg.AssetKey(["quality", "quality_summary"])
SHOWN_ROWS = 20


def check_specs() -> dict[str, dg.AssetCheckSpec]:
    """Suite name -> its check; a failed blocking expectation stops the run, a failed warning only shows."""
    specs = {
        suite.name: dg.AssetCheckSpec(
            suite.name, asset=SUMMARY, blocking=True, description=" ".join(suite.description.split())
        )
        for suite in declared_suites()
    }
    for suite in table_suites():
        specs[suite.name] = dg.AssetCheckSpec(
            "expectations",
            asset=dg.AssetKey([suite.schema, suite.table]),
            blocking=True,
            description="Columns, types, keys and rules that the YAML of the model promises.",
        )
    return specs


def expectation_checks(settings: Settings) -> dg.AssetChecksDefinition:
    """All suites in one step, as they are judged together."""
    specs = check_specs()

    @dg.multi_asset_check(
        name="audit",
        specs=[*specs.values()],
        pool=POOL,
        retry_policy=RETRIES,
        required_resource_keys={"lease"},
    )
    def audit(context: dg.AssetCheckExecutionContext) -> Iterator[dg.AssetCheckResult]:
        # Great Expectations takes seconds to import: only where it is used.
        from expectations.runner import blocking_failures, run_expectations

        with explained():
            context.resources.lease.hold()
            report = settings.quality_report
            results = run_expectations(settings.warehouse, context.run.run_id, report)
            if not blocking_failures(results):
                mark_audited(settings, context.run.run_id)
        for suite, spec in specs.items():
            found = [result for result in results if result.suite == suite]
            failed = [result for result in found if not result.passed]
            blocked = blocking_failures(failed)
            yield dg.AssetCheckResult(
                check_name=spec.name,
                asset_key=spec.asset_key,
                passed=not failed,
                severity=dg.AssetCheckSeverity.ERROR if blocked else dg.AssetCheckSeverity.WARN,
                description="\n".join(sentence(result) for result in (blocked or failed)[:SHOWN_ROWS])
                or None,
                metadata={
                    "expectations": len(found),
                    "failed": len(failed),
                    "report": dg.MetadataValue.path(str(report)),
                },
            )

    return audit


def sentence(result: Any) -> str:
    """One failed expectation in words, with example rows."""
    text = f"{result.suite}.{result.expectation}: found {result.observed}, allowed {result.threshold}"
    return f"{text}; for example {'; '.join(result.examples)}" if result.examples else text
