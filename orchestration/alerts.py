"""Tell somebody that a run failed: one line in a log, and one request to a webhook when there is one."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from dataclasses import asdict, dataclass
from pathlib import Path

TIMEOUT_SECONDS = 10


@dataclass(frozen=True)
class RunFailure:
    """One failed run; the time is UTC in ISO 8601, the text says what failed and what to do."""

    run_id: str
    job: str
    failed_at: str
    text: str


def report_failure(failure: RunFailure, log: Path, webhook: str | None) -> str | None:
    """Append the failure to the log and post it as JSON; return why the post failed, None when it did not.

    A webhook that does not answer is written to the log too, and never raises: the run failed for another
    reason.
    """
    problem = _post(failure, webhook) if webhook else None
    log.parent.mkdir(parents=True, exist_ok=True)
    line = {**asdict(failure), **({"webhook_error": problem} if problem else {})}
    with log.open("a", encoding="utf-8") as file:
        file.write(json.dumps(line, ensure_ascii=False) + "\n")
    return problem


def _post(failure: RunFailure, webhook: str) -> str | None:
    """Post one failure; the key `text` is what chat tools show."""
    message = f"{failure.job} failed: {failure.text}"
    body = json.dumps({**asdict(failure), "text": message}).encode()
    request = urllib.request.Request(webhook, body, {"Content-Type": "application/json"})
    try:
        with urllib.request.urlopen(request, timeout=TIMEOUT_SECONDS):
            return None
    except (urllib.error.URLError, OSError, ValueError) as error:
        return f"ALERT_WEBHOOK did not take the message: {error}"
