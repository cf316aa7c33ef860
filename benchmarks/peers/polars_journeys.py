"""The main journey figures straight from the landing files, as one would write them with Polars alone.

It does what the demo data needs and no more: one account, Parquet files, event and message ids present, no
rows to reject, no cycles of identity links. The rules (R1 to R13) are those of the warehouse.

    python -m benchmarks.peers.polars_journeys LANDING FIGURES.json
"""

from __future__ import annotations

import json
import operator
import sys
from datetime import datetime
from pathlib import Path

import polars as pl

JOURNEY_COLUMNS = ["journey_id", "journey_entry_id", "node_id", "is_control", "trigger_event_id"]
MESSAGE_COLUMNS = ["message_id", "journey_id", "journey_entry_id", "channel", "bounce_type", "is_test"]
# Channels the contract knows; any other is counted as 'other'.
CHANNELS = [
    "push", "web_push", "email", "sms", "rcs", "whatsapp", "in_app", "app_inbox", "content_card", "webhook",
    "line", "viber", "telegram", "banner"
]  # fmt: skip
# Any of these says that the message left, whatever failed before.
BETTER_THAN_FAILED = [
    "sent", "delivered", "bounced", "impression", "opened", "clicked", "dismissed", "read", "replied",
    "unsubscribed", "complained"
]  # fmt: skip
MESSAGE_ANCHORS = {
    "message_sent": ["sent"],
    "message_delivered": ["delivered"],
    "message_clicked": ["clicked"],
    "message_engaged": ["opened", "clicked", "read"],
}
COMPARISONS = {
    name: getattr(operator, function)
    for name, function in {"eq": "eq", "ne": "ne", "gt": "gt", "gte": "ge", "lt": "lt", "lte": "le"}.items()
}


def scan(landing: Path, table: str) -> pl.LazyFrame:
    """All Parquet files of a table."""
    return pl.scan_parquet(landing / table / "**" / "*.parquet", hive_partitioning=False)


def collect(frame: pl.LazyFrame) -> pl.LazyFrame:
    """Compute a frame that several figures start from, once."""
    return frame.collect(engine="streaming").lazy()


def user_keys(links: pl.LazyFrame) -> pl.LazyFrame:
    """The user key of every alias (R3): the end of its chain of links; the last link of an alias counts."""
    last = (
        links.sort("received_at", "occurred_at", "canonical_id")
        .unique("alias_id", keep="last", maintain_order=True)
        .filter(pl.col("link_type").fill_null("identify") != "unlink")
        .select("alias_id", "canonical_id")
        .collect()
    )
    keys = last.rename({"alias_id": "user_id", "canonical_id": "user_key"})
    while True:
        further = keys.join(last, left_on="user_key", right_on="alias_id", how="left")
        if further["canonical_id"].null_count() == len(further):
            return keys.lazy()
        keys = further.select("user_id", user_key=pl.coalesce("canonical_id", "user_key"))


def test_users(users: pl.LazyFrame, keys: pl.LazyFrame) -> pl.LazyFrame:
    """The user keys whose latest profile is a test profile."""
    latest = users.sort("updated_at", "received_at", nulls_last=False).unique("user_id", keep="last")
    return with_user_key(latest.filter("is_test"), keys).select("user_key").unique()


def with_user_key(rows: pl.LazyFrame, keys: pl.LazyFrame) -> pl.LazyFrame:
    """The rows with the user key in place of the user id."""
    joined = rows.join(keys, on="user_id", how="left")
    return joined.with_columns(pl.coalesce("user_key", "user_id").alias("user_key")).drop("user_id")


def events(
    landing: Path, table: str, columns: list[str], keys: pl.LazyFrame, tests: pl.LazyFrame
) -> pl.LazyFrame:
    """One row per event id, the one received last (R2), with its user key and without test users."""
    rows = scan(landing, table).select("event_id", "user_id", "occurred_at", "received_at", *columns)
    newest = rows.group_by("event_id").agg(pl.all().max_by("received_at")).drop("received_at")
    if "is_test" in columns:
        newest = newest.filter(~pl.col("is_test").fill_null(False)).drop("is_test")
    return collect(with_user_key(newest, keys).join(tests, on="user_key", how="anti"))


def with_entry(rows: pl.LazyFrame, entered: pl.LazyFrame) -> pl.LazyFrame:
    """The rows with their entry; one without an id joins the latest entry of its user and journey (R4)."""
    stated = rows.filter(pl.col("journey_entry_id").is_not_null())
    joined = (
        rows.filter(pl.col("journey_entry_id").is_null())
        .sort("occurred_at")
        .join_asof(
            entered.select("user_key", "journey_id", "entry_id", "entered_at").sort("entered_at", "entry_id"),
            left_on="occurred_at",
            right_on="entered_at",
            by=["user_key", "journey_id"],
            check_sortedness=False,
        )
        .drop("entered_at")
    )
    return pl.concat([stated.with_columns(entry_id=pl.col("journey_entry_id")), joined], how="diagonal")


def journey_entries(journey: pl.LazyFrame) -> pl.LazyFrame:
    """One row per entry: its journey, user, time, trigger and whether it entered as control."""
    return collect(
        journey.filter(pl.col("event_type") == "journey_entered")
        .with_columns(entry_id=pl.coalesce("journey_entry_id", pl.lit("derived/") + pl.col("event_id")))
        .sort("occurred_at", "event_id")
        .unique("entry_id", keep="first")
        .select(
            "entry_id",
            "journey_id",
            "user_key",
            "trigger_event_id",
            entered_at="occurred_at",
            is_control=pl.col("is_control").fill_null(False),
        )
    )


def closed_entries(entered: pl.LazyFrame, steps: pl.LazyFrame, journeys: pl.LazyFrame) -> pl.LazyFrame:
    """The entries with their exit: the first exit event, else the stop of the journey, else none (R5)."""
    exits = steps.filter(pl.col("event_type") == "journey_exited")
    controls = steps.filter(pl.col("event_type") == "control_assigned").select("entry_id", assigned=True)
    ended = pl.coalesce("exited_at", "stopped_at")
    return collect(
        entered.join(
            exits.group_by("entry_id").agg(exited_at=pl.col("occurred_at").min()), on="entry_id", how="left"
        )
        .join(controls.unique(), on="entry_id", how="left")
        .join(journeys, on="journey_id", how="left")
        .with_columns(
            exit_at=pl.when(ended.is_not_null()).then(pl.max_horizontal(ended, "entered_at")),
            is_control=pl.col("is_control") | pl.col("assigned").fill_null(False),
        )
        .drop("exited_at", "stopped_at", "assigned")
    )


def messages(rows: pl.LazyFrame, controls: pl.LazyFrame) -> pl.LazyFrame:
    """One row per message of no control entry with its status and its engagements (R10 to R13)."""
    kind, time = pl.col("event_type"), pl.col("occurred_at")
    is_hard_bounce = (kind == "bounced") & (pl.col("bounce_type") == "hard")
    channel = pl.col("channel").drop_nulls().first()
    rolled_up = rows.group_by("message_id").agg(
        channel=pl.when(channel.is_in(CHANNELS)).then(channel).otherwise(pl.lit("other")),
        entry_id=pl.coalesce(
            pl.col("journey_entry_id").drop_nulls().first(), pl.col("entry_id").drop_nulls().first()
        ),
        is_attempted=(kind != "skipped").any(),
        is_failed=(kind == "failed").any() & ~kind.is_in(BETTER_THAN_FAILED).any(),
        delivered_at=time.filter(kind == "delivered").max(),
        bounced_at=time.filter(is_hard_bounce).max(),
        opens_total=(kind == "opened").sum(),
        clicks_total=(kind == "clicked").sum(),
    )
    return collect(rolled_up.join(controls, on="entry_id", how="anti"))


def channel_figures(rolled_up: pl.LazyFrame, rows: pl.LazyFrame) -> pl.LazyFrame:
    """Messages by status, opens, users who opened and clicks of each channel."""
    counts = rolled_up.group_by("channel").agg(
        messages_attempted=pl.col("is_attempted").sum(),
        messages_accepted=(pl.col("is_attempted") & ~pl.col("is_failed")).sum(),
        messages_failed=pl.col("is_failed").sum(),
        messages_delivered=(
            pl.col("delivered_at").is_not_null()
            & (pl.col("bounced_at") <= pl.col("delivered_at")).fill_null(True)
        ).sum(),
        opens_total=pl.col("opens_total").sum(),
        clicks_total=pl.col("clicks_total").sum(),
    )
    opened = rows.filter(pl.col("event_type") == "opened").select("message_id", "user_key")
    openers = opened.join(rolled_up.select("message_id", "channel"), on="message_id")
    users = openers.group_by("channel").agg(users_opened=pl.col("user_key").n_unique())
    return counts.join(users, on="channel", how="left").fill_null(0)


def matches(condition: dict) -> pl.Expr:
    """Whether the properties of an event fulfil one filter of a goal; a missing property never does."""
    text = pl.col("properties").str.json_path_match(f"$.{condition['property']}")
    if condition["op"] == "exists":
        return text.is_not_null()
    if condition["op"] == "in":
        return text.is_in([str(value) for value in condition["value"]]).fill_null(False)
    is_number = isinstance(condition["value"], int | float)
    value = text.cast(pl.Float64, strict=False) if is_number else text
    return COMPARISONS[condition["op"]](value, condition["value"]).fill_null(False)


def converted_users(
    goal: dict, user_events: pl.LazyFrame, entries: pl.LazyFrame, engagements: pl.LazyFrame
) -> pl.LazyFrame:
    """Users with a qualifying conversion of one goal (R6 to R9), each event credited to one entry."""
    conditions = [
        pl.col("event_name") == goal["event_name"],
        *map(matches, json.loads(goal["filters"] or "[]")),
    ]
    valid = entries.filter(
        pl.col("journey_id") == goal["journey_id"],
        pl.col("entered_at") >= (goal["valid_from"] or datetime.min),
        pl.col("entered_at") < (goal["valid_to"] or datetime.max),
    )
    later = valid.join(user_events.filter(*conditions).drop("properties"), on="user_key").filter(
        pl.col("occurred_at") >= pl.col("entered_at"),
        (pl.col("trigger_event_id") != pl.col("event_id")).fill_null(True),
    )
    if goal["window_anchor"] in MESSAGE_ANCHORS:
        kinds = MESSAGE_ANCHORS[goal["window_anchor"]]
        anchors = (
            engagements.filter(pl.col("event_type").is_in(kinds))
            .select("entry_id", "anchor_at")
            .sort("anchor_at")
        )
        later = (
            later.sort("occurred_at")
            .join_asof(
                anchors, left_on="occurred_at", right_on="anchor_at", by="entry_id", check_sortedness=False
            )
            .filter(pl.col("anchor_at").is_not_null())
        )
    else:
        column = {"journey_exit": "exit_at", "journey_entry": "entered_at"}[goal["window_anchor"]]
        later = later.with_columns(anchor_at=pl.col(column))
    window = pl.duration(seconds=goal["window_seconds"])
    return (
        later.filter((pl.col("occurred_at") - pl.col("anchor_at") <= window).fill_null(True))
        .sort("entered_at", "entry_id")
        .unique("event_id", keep="last")
        .filter(~pl.col("is_control"))
        .select(
            journey_id=pl.lit(goal["journey_id"]),
            goal_id=pl.lit(goal["goal_id"]),
            converted_users=pl.col("user_key").n_unique(),
        )
    )


def figures(landing: Path) -> dict[str, list[dict]]:
    """All figures, as rows per journey, node, channel and goal."""
    keys = user_keys(scan(landing, "identity_links"))
    tests = test_users(scan(landing, "users"), keys)
    journey = events(landing, "journey_events", ["event_type", *JOURNEY_COLUMNS], keys, tests)
    message = events(landing, "message_events", ["event_type", *MESSAGE_COLUMNS], keys, tests)
    user = events(landing, "user_events", ["event_name", "properties", "is_test"], keys, tests)

    entered = journey_entries(journey)
    steps = with_entry(journey.filter(~pl.col("event_type").is_in(["journey_entered", "qualified"])), entered)
    entries = closed_entries(entered, steps, scan(landing, "journeys").select("journey_id", "stopped_at"))
    controls = entries.filter("is_control").select("entry_id")
    rows = with_entry(message, entered)
    rolled_up = messages(rows, controls)
    engagements = rows.select("message_id", "event_type", anchor_at="occurred_at").join(
        rolled_up.select("message_id", "entry_id"), on="message_id"
    )
    goals = scan(landing, "goals").collect().to_dicts()
    visits = steps.filter(
        pl.col("event_type") == "node_entered",
        pl.col("node_id").is_not_null(),
        ~pl.col("is_control").fill_null(False),
    )
    result = {
        "journeys": entries.filter(~pl.col("is_control"))
        .group_by("journey_id")
        .agg(total_entries=pl.len(), unique_entry_users=pl.col("user_key").n_unique()),
        "nodes": visits.join(controls, on="entry_id", how="anti")
        .group_by("journey_id", "node_id")
        .agg(entry_count=pl.len(), entry_users=pl.col("user_key").n_unique()),
        "channels": channel_figures(rolled_up, rows),
        "goals": pl.concat([converted_users(goal, user, entries, engagements) for goal in goals]),
    }
    return {name: frame.collect(engine="streaming").to_dicts() for name, frame in result.items()}


if __name__ == "__main__":
    Path(sys.argv[2]).write_text(json.dumps(figures(Path(sys.argv[1]))), encoding="utf-8")
