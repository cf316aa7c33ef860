"""Small random worlds, one per account, delivered in batches of landing files.

To look at one by hand, `python -m tests.integration.incremental_worlds --seed 1 --only case_017 --out DIR`
writes DIR/batch_0, DIR/batch_1, ... to copy over a landing folder one after the other
(`cp -a DIR/batch_0/. landing/`), and DIR/vars.json for `--vars`. The number of batches is part of a world:
give --batches as the test has it.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import random
import tempfile
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

import duckdb

from simulator.contract import columns

BASE = datetime(2025, 3, 1)
DAYS_PER_BATCH = 3
SOURCE_SYSTEM = "custom"
EVENT_TABLES = ("journey_events", "message_events", "user_events")
# Only these rows are hidden by as_of; the latest row of any other table counts whenever it was received.
CLOCKED_TABLES = (*EVENT_TABLES, "identity_links")
ANCHORS = (
    "journey_exit", "journey_entry", "message_sent", "message_delivered", "message_viewed", "message_clicked",
    "message_engaged",
)  # fmt: skip
ZONES = ("UTC", "America/New_York", "Asia/Kolkata", "Pacific/Auckland", "Europe/Istanbul")
CHANNELS = ("push", "email", "sms", "whatsapp", "in_app", "app_inbox")
FILTERS = (
    [],
    [],
    [],
    [{"property": "amount", "op": "gte", "value": 50}],
    [{"property": "category", "op": "in", "value": ["a", "b"]}],
    [{"property": "category", "op": "ne", "value": "c"}, {"property": "amount", "op": "exists"}],
)
EXIT_REASONS = (
    "completed", "goal_reached", "cancel_event", "timeout", "internal_error", "sending_error", None
)  # fmt: skip
ENGAGEMENTS = (
    "impression", "opened", "clicked", "read", "replied", "dismissed", "unsubscribed", "complained"
)  # fmt: skip
CORRECTED_TYPES = ("journey_entered", "journey_exited", "sent", "clicked", "qualified")
WINDOWS = (0, 3600, 86400, 259200, 604800)
SETTINGS = {
    "conversion_boundary": ("inclusive", "exclusive"),
    "max_open_entry_seconds": (None, None, 172800, 432000),
    "reporting_timezone": ZONES,
    "primary_goal_id": (None, None, "g1", "g2"),
    "override_window_anchor": (None, None, None, *ANCHORS[:4]),
    "bot_click_min_seconds": (2, 0, 60),
    "campaign_conversion_seconds": (86400, 3600, 259200),
}
# Whether two journeys may share an entry id or a message id.
IDS_CROSS_JOURNEYS = False
# What must occur in any set of cases; `World.features` says which of them one world has.
FEATURES = frozenset(
    [
        "late event", "late exit", "late merge", "chain of links", "unlink", "cycle of links",
        "test user later", "test user no more", "test row", "goal version later", "goal changed later",
        "goal stopped", "journey stopped later", "journey started again",
        "merge", "node renamed", "version renamed", "campaign renamed",
        "duplicate in a later batch", "older copy later", "rejected row", "old folder", "file again",
        "file replaced", "account later", "reference-only batch", "empty batch", "newest received",
        "oldest received", "no received_at", "entry goes stale", "window closes", "trigger event",
        "control later", "bot click later", "bounce after delivery", "shared entry id", "shared message id",
        "no event id", "no entry id", "no message id", "malformed line", "inferred journey",
        *(f"corrected {what}" for what in ("user", "type", "time", "journey", "message", "entry")),
        *(f"setting {name}" for name in SETTINGS),
    ]
)  # fmt: skip


@dataclass(frozen=True)
class Slot:
    """Place of rows in the landing folder: `{n}` is the batch, `{table}/` is put before."""

    path: str
    grows: bool = False


# `{day}` is the load date of the batch itself, `{before}` of the one before it, `{first}` of batch 0.
SLOTS = {
    "day": Slot("load_date={day}/batch_{n}.parquet"),
    "old": Slot("load_date={first}/late_{n}.parquet"),
    "text": Slot("load_date={before}/batch_{n}.csv"),
    "lines": Slot("load_date={day}/batch_{n}.jsonl"),
    "loose": Slot("batch_{n}.jsonl"),
    # Delivered once more, under another name, two batches later.
    "copied": Slot("load_date={day}/copied_{n}.parquet"),
    "growing": Slot("load_date={first}/growing.parquet", grows=True),
    "growing_loose": Slot("growing.jsonl", grows=True),
}
# Path of the files that a test may remove: they hold no row of an account that as_of brings back.
REMOVABLE = SLOTS["loose"].path
EVENT_SLOTS = ("day", "day", "day", "old", "text", "lines", "loose")
REFERENCE_SLOTS = ("day", "day", "text")


def load_date(batch: int) -> datetime:
    """Midnight of the day in whose folder a batch is delivered."""
    return BASE + timedelta(days=DAYS_PER_BATCH * (batch + 1))


def batch_end(batch: int) -> datetime:
    """Last microsecond of the load date of a batch: when rows without received_at count as received."""
    return load_date(batch) + timedelta(days=1, microseconds=-1)


def modified_at(batch: int) -> datetime:
    """Modification time of every file a batch writes."""
    return load_date(batch) + timedelta(hours=20, seconds=1)


@dataclass
class Delivery:
    """One landing row: values by column (None is left out), or a `line` that is no row at all."""

    table: str
    values: dict[str, Any]
    batch: int
    slot: str
    line: str | None = None
    feature: str | None = None

    @property
    def received_at(self) -> datetime:
        """When the row counts as received; while a growing file without a load date stands unchanged."""
        if self.values.get("received_at") is not None:
            return self.values["received_at"]
        if self.slot in ("loose", "growing_loose"):
            return modified_at(self.batch)
        if self.slot in ("old", "growing"):
            return batch_end(0)
        return batch_end(max(self.batch - 1, 0) if self.slot == "text" else self.batch)

    @property
    def is_usable(self) -> bool:
        """Whether the row is an event that is not rejected."""
        return self.table in EVENT_TABLES and self.line is None and "reject" not in self.values


@dataclass
class World:
    """The random history of one account and its delivery in `batches` batches.

    An account whose name starts with `asof` gets every event in the batch in which it was received and its
    reference rows in batch 0, so that `as_of` can bring back each batch; any other gets rows in any order.
    """

    seed: int
    account: str
    batches: int
    deliveries: list[Delivery] = field(default_factory=list)
    features: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.rng = random.Random(f"{self.seed}/{self.account}")
        self.by_clock = self.account.startswith("asof")
        # A sparse world has hardly a row in its later batches, so that no row hides what another one changes;
        # a file that comes again or grows would bring old rows again and hide as much.
        self.is_sparse = not self.by_clock and self.chance(0.45)
        self.bulk = 1 if self.is_sparse else self.rng.choice((0.8, 0.3, 0))
        self.order = self.rng.choice((0.2, 0.6, 0.95))
        more_slots = ("copied", "growing", "growing_loose")
        self.more_slots = [slot for slot in more_slots if not self.is_sparse and self.chance(0.3)]
        self.numbers = 0
        self.moments: list[datetime] = []
        self.users = [f"u{n}" for n in range(1, self.rng.randint(3, 5))] + ["a1", "a2"]
        self.journeys = ["j1", "j2"] + ["j3"] * self.chance(0.5)
        self.settings = {name: self.rng.choice(values) for name, values in SETTINGS.items()}
        self._open_batches()
        self._references()
        for _ in range(self.rng.randint(4, 7)):
            self._entry()
        for _ in range(self.rng.randint(2, 5)):
            self._purchase(self.rng.choice(self.users), self.moment())
        for _ in range(self.rng.randint(0, 2)):
            self._message(
                self.rng.choice(self.users), self.rng.choice((None, *self.journeys)), None, self.moment()
            )
        self._links()
        self._test_users()
        self._changed_definitions()
        self._repeated_events()
        self._rejected_rows()
        self._late_rows()
        if self.is_sparse:
            self._thin_out()
        self._observe()

    def chance(self, probability: float) -> bool:
        """True with the given probability."""
        return self.rng.random() < probability

    def number(self) -> int:
        """A number never given before in this account."""
        self.numbers += 1
        return self.numbers

    def moment(self, first_day: int = 0, last_day: int = 12) -> datetime:
        """A time on a coarse grid, so that many rows meet at the same instant or a microsecond apart."""
        if self.moments and self.chance(0.25):
            at = self.rng.choice(self.moments)
            return at + timedelta(microseconds=self.rng.choice((0, 0, 1, -1, 1000000)))
        at = BASE + timedelta(
            days=self.rng.randint(first_day, last_day),
            hours=self.rng.choice((0, 4, 9, 12, 18, 23)),
            minutes=self.rng.choice((0, 0, 30, 59)),
            seconds=self.rng.choice((0, 0, 1, 59)),
        )
        self.moments.append(at)
        return at

    def _open_batches(self) -> None:
        """Decide which batches carry events and which reference rows of this account."""
        everything = list(range(self.batches))
        self.event_batches, self.reference_batches = everything.copy(), everything.copy()
        if self.by_clock:
            self.reference_batches = [0]
            return
        if self.chance(0.25):
            first = self.rng.randint(1, 2)
            self.event_batches, self.reference_batches = everything[first:], everything[first:]
        if self.chance(0.3):
            later = self.event_batches[1:]
            self.event_batches[1:] = sorted(self.rng.sample(later, min(2, len(later))))
        if self.chance(0.3):
            quiet = self.rng.choice(self.event_batches)
            self.event_batches = [batch for batch in self.event_batches if batch != quiet] or [quiet]
            self.reference_batches = [batch for batch in self.reference_batches if batch != quiet] or [quiet]

    def deliver(
        self,
        table: str,
        values: dict[str, Any],
        *,
        after: Delivery | None = None,
        received_at: datetime | None = None,
        slots: Iterable[str] = (),
        feature: str | None = None,
    ) -> Delivery:
        """Put one row into a batch and a file; with `after` into a later batch where there is one.

        `received_at` is the time of receipt; without it the row comes some time after it occurred.
        `feature` is what the row shows, see FEATURES.
        """
        clocked = table in CLOCKED_TABLES
        occurred_at = values.get("occurred_at") or self.moment()
        lag = self.rng.choice((0, 1, 60, 3600, 86400, 259200, -3600))
        at = received_at or occurred_at + timedelta(seconds=lag)
        usual = EVENT_SLOTS if clocked else REFERENCE_SLOTS
        # Between reference rows received at once their files' times decide; as_of cannot bring those back.
        more = self.more_slots if clocked or not self.by_clock else ()
        slot = self.rng.choice(tuple(slots) or (*usual, *more))
        if self.by_clock:
            slot = "day" if slot == "loose" else slot
            at = min(at, batch_end(self.batches - 1))
            batch = next(n for n in range(self.batches) if at <= batch_end(n)) if clocked else 0
            is_stated = slot != "day" or self.chance(0.9)
        else:
            allowed = self.event_batches if clocked else self.reference_batches
            if after is not None:
                allowed = [n for n in allowed if n > after.batch] or allowed[-1:]
                batch = self.rng.choice(allowed)
            elif self.chance(self.bulk):
                batch = allowed[0]
            elif self.chance(self.order):
                batch = next((n for n in allowed if at <= batch_end(n)), allowed[-1])
            else:
                batch = self.rng.choice(allowed)
            is_stated = received_at is not None or self.chance(0.88)
        delivery = Delivery(table, {**values, "received_at": at if is_stated else None}, batch, slot)
        delivery.feature = feature
        self.deliveries.append(delivery)
        return delivery

    def again(
        self, original: Delivery, feature: str | None = None, *, older: bool = False, **changes: Any
    ) -> Delivery:
        """Deliver a row once more in a later batch, received later (or earlier) than the first time."""
        hours = self.rng.choice((0, 1, 30)) if not older else -self.rng.choice((1, 30))
        received_at = original.received_at + timedelta(hours=hours)
        values = {**original.values, **changes}
        return self.deliver(original.table, values, after=original, received_at=received_at, feature=feature)

    def events(self, *types: str, table: str = "journey_events", **values: Any) -> list[Delivery]:
        """Delivered usable rows of an event table, of some types, with these values."""
        return [
            row
            for row in self.deliveries
            if row.table == table
            and row.is_usable
            and (not types or row.values.get("event_type") in types)
            and all(row.values.get(name) == value for name, value in values.items())
        ]

    def event_id(self, letter: str) -> dict[str, str | None]:
        """Event id of a new event: mostly given, else a source record id, else none."""
        number = f"{letter}{self.number()}"
        kind = self.rng.choices(("event_id", "source_record_id", None), (85, 7, 8))[0]
        return {kind: number} if kind else {}

    def _references(self) -> None:
        """Journeys, versions, nodes, edges, goals, campaigns, users and the optional tables."""
        for journey in ("j1", "j2"):
            self.deliver("journeys", {
                "journey_id": journey, "journey_name": f"Journey {journey}", "journey_type": "trigger_based",
                "category": self.rng.choice(("sale", None)), "status": "active", "created_at": BASE,
                "reentry_policy": "concurrent", "timezone": "UTC", "updated_at": BASE,
                "stopped_at": self.moment(3) if self.chance(0.1) else None,
            })  # fmt: skip
            for number, version in enumerate(("v1", "v2"), start=1):
                if self.chance(0.8):
                    self.deliver("journey_versions", {
                        "journey_id": journey, "journey_version_id": version, "version_number": number,
                        "version_name": f"Version {number}", "published_at": BASE,
                        "migrates_active_entries": self.rng.choice((True, False, None)),
                    })  # fmt: skip
                for position in range(1, 4):
                    if self.chance(0.6):
                        self.deliver("nodes", {
                            "journey_id": journey, "node_id": f"n{position}", "position": position,
                            "journey_version_id": self.rng.choice((version, version, version, None)),
                            "node_name": f"Step {position}", "is_terminal": position == 3,
                            "node_type": self.rng.choice(("message", "delay", "split")),
                            "channel": self.rng.choice((*CHANNELS, None)),
                            "campaign_id": self.rng.choice(("c1", "c2", None)),
                        })  # fmt: skip
            self.deliver("node_edges", {
                "journey_id": journey, "journey_version_id": "v1", "from_node_id": "n1", "to_node_id": "n2",
                "branch_label": self.rng.choice(("yes", None)), "expected_share": 0.5,
            })  # fmt: skip
            for index in range(1, self.rng.randint(1, 3) + 1):
                self.deliver("goals", {
                    "journey_id": journey, "goal_id": f"g{index}", "goal_name": f"Goal {index}",
                    "goal_index": self.rng.choice((index, 1, None)),
                    "is_primary": self.rng.choice((True, False, None)),
                    "event_name": self.rng.choice(("purchase", "purchase", "purchase", "signup")),
                    "filters": json.dumps(self.rng.choice(FILTERS)),
                    "window_seconds": self.rng.choice(WINDOWS),
                    "window_anchor": self.rng.choice((*ANCHORS, None)), "ends_journey": self.chance(0.2),
                    "value_property": self.rng.choice(("amount", None, None)),
                    "currency_property": self.rng.choice(("currency", None, None)),
                    "valid_from": self.rng.choice((None, None, BASE, BASE + timedelta(days=4))),
                    "valid_to": self.rng.choice((None, None, None, BASE + timedelta(days=9))),
                })  # fmt: skip
        for campaign in ("c1", "c2"):
            self.deliver("campaigns", {
                "campaign_id": campaign, "campaign_name": f"Campaign {campaign}",
                "channel": self.rng.choice((*CHANNELS, None)), "journey_id": self.rng.choice(("j1", None)),
                "campaign_conversion_seconds": self.rng.choice((None, None, 3600, 172800)),
            })  # fmt: skip
            for variant in ("A", "B"):
                self.deliver("campaign_variants", {
                    "campaign_id": campaign, "variant_id": variant, "variant_name": f"Variant {variant}",
                    "planned_share": 0.5, "is_control": False,
                })  # fmt: skip
        for user in self.users[:-1]:
            self.deliver("users", {
                "user_id": user, "country": self.rng.choice(("TR", "DE", None)), "created_at": BASE,
                "is_test": self.rng.choice((False, None)), "updated_at": self.rng.choice((BASE, None)),
                "attributes": json.dumps({"plan": self.rng.choice(("free", "paid"))}),
            })  # fmt: skip
        for user in self.rng.sample(self.users, 2):
            for status in ("subscribed", "unsubscribed"):
                self.deliver("subscriptions", {
                    "user_id": user, "channel": "email", "status": status, "source": "page",
                    "occurred_at": self.moment(),
                })  # fmt: skip
            for seen_at in (self.moment(), self.moment()):
                self.deliver("devices", {
                    "device_id": self.rng.choice(("d1", "d2")), "user_id": user, "platform": "android",
                    "push_token_status": self.rng.choice(("valid", "invalid")), "last_seen_at": seen_at,
                })  # fmt: skip
        for day in (2, 3):
            self.deliver("costs", {
                "cost_date": BASE + timedelta(days=day), "channel": "sms",
                "campaign_id": self.rng.choice(("c1", None)),
                "amount": f"{self.rng.randint(1, 99)}.25", "currency": "eur",
            })  # fmt: skip
        if self.chance(0.5):
            self.deliver("load_batches", {"batch_id": "b1", "object_name": "events", "row_count": 3})

    def _known(self, table: str, column: str, journey: str | None) -> list[str]:
        """Entry or message ids that rows of a journey (of any, when journeys may share ids) state."""
        rows = [
            row
            for row in self.events(table=table)
            if IDS_CROSS_JOURNEYS or row.values.get("journey_id") == journey
        ]
        return [row.values[column] for row in rows if row.values.get(column) is not None]

    def _entry_id(self, journey: str) -> str | None:
        """Entry id of a new entry: its own, none, or one that another entry of the journey has too."""
        known = self._known("journey_events", "journey_entry_id", journey)
        kind = self.rng.choices(("own", "none", "shared"), (65, 22, 13 if known else 0))[0]
        if kind == "none":
            return None
        if kind == "shared":
            return self.rng.choice(known)
        return f"e{self.number()}"

    def _entry(self) -> None:
        """One journey entry: steps, messages, exits and conversions, in and out of every window."""
        user, journey = self.rng.choice(self.users), self.rng.choice(self.journeys)
        entry, at, is_control = self._entry_id(journey), self.moment(0, 9), self.chance(0.15)

        def event(event_type: str, occurred_at: datetime, **values: Any) -> Delivery:
            row = {
                "event_type": event_type, "journey_id": journey, "user_id": user, "occurred_at": occurred_at,
                "journey_entry_id": entry if event_type == "journey_entered" or self.chance(0.85) else None,
                "journey_version_id": self.rng.choice(("v1", "v1", "v2", None)),
                "is_control": is_control or None,
            }  # fmt: skip
            return self.deliver("journey_events", {**row, **self.event_id("j"), **values})

        def later(*seconds: int) -> datetime:
            return at + timedelta(seconds=self.rng.choice(seconds), microseconds=self.rng.choice((0, 0, 1)))

        if self.chance(0.3):
            event("qualified", at, journey_entry_id=None)
        trigger = self.rng.choice([None, *self.events(table="user_events")])
        entered = event(
            "journey_entered", at, variant_id=self.rng.choice(("A", "B", None)),
            control_group_type="global" if is_control else None,
            trigger_event_id=trigger.values.get("event_id") if trigger else None,
        )  # fmt: skip
        if self.chance(0.2):
            values = {
                "event_type": "control_assigned", "journey_id": journey, "user_id": user,
                "journey_entry_id": entry, "occurred_at": later(0, 60), "control_group_type": "journey",
            }  # fmt: skip
            values |= self.event_id("j")
            self.deliver("journey_events", values, after=entered, feature="control later")
        for _ in range(self.rng.randint(1, 3)):
            node, visit_at = f"n{self.rng.randint(1, 4)}", later(0, 1, 3600, 7200, 90000)
            event("node_entered", visit_at, node_id=node)
            if self.chance(0.4):
                kind = self.rng.choice(
                    ("node_exited", "branch_taken", "step_error", "version_migrated", "surprise")
                )
                event(
                    kind, visit_at + timedelta(minutes=5), node_id=node, next_node_id="n2",
                    branch_label=self.rng.choice(("yes", "no", None)), reason_code="frequency_capped",
                )  # fmt: skip
            if self.chance(0.7):
                self._message(user, journey, entry, visit_at, node)
        exits = self.rng.choices((0, 1, 2), (45, 42, 13))[0]
        for _ in range(exits):
            event(
                "journey_exited", later(-60, 10800, 172800, 200000), reason_code=self.rng.choice(EXIT_REASONS)
            )
        for _ in range(self.rng.randint(2, 4)):
            self._purchase(user, later(0, 3600, 7200, 86400, 97200, 259200, 270000))

    def _purchase(self, user: str, at: datetime) -> None:
        """One user event that may be a conversion."""
        amount = self.rng.choice((10, 50, 99.5))
        is_test = self.chance(0.06)
        properties = {"amount": amount, "category": self.rng.choice("abc"), "currency": "usd"}
        values = {
            "event_name": self.rng.choice(("purchase", "purchase", "purchase", "signup")), "user_id": user,
            "value": self.rng.choice((str(amount), None)), "currency": self.rng.choice(("eur", None)),
            "occurred_at": at, "attributed_message_id": self.rng.choice(("m3", None, None)),
            "properties": json.dumps(properties) if self.chance(0.9) else None,
            "order_id": f"o{self.rng.randint(1, 4)}", "is_test": is_test or None,
        }  # fmt: skip
        self.deliver("user_events", {**values, **self.event_id("p")})

    def _message(
        self, user: str, journey: str | None, entry: str | None, at: datetime, node: str | None = None
    ) -> None:
        """One message and some of its events: also clicks too quick for a human, bounces after delivery."""
        known = self._known("message_events", "message_id", journey)
        message: str | None = f"m{self.number()}"
        kind = self.rng.choices(("own", "none", "shared"), (65, 22, 13 if known else 0))[0]
        if kind == "none":
            message = None
        elif kind == "shared":
            message = self.rng.choice(known)
        channel = self.rng.choice(CHANNELS)
        common = {
            "message_id": message, "journey_id": journey, "node_id": node, "user_id": user,
            "journey_version_id": self.rng.choice(("v1", "v2", None)), "channel": channel,
            "dispatch_id": f"x{self.number()}" if self.chance(0.4) else None,
            "campaign_id": self.rng.choice(("c1", "c2", "c9", None)),
            "variant_id": self.rng.choice(("A", "B", None)),
            "endpoint_id": f"ep-{user}-{self.rng.randint(1, 2)}",
            "platform": self.rng.choice(("android", "ios", "toaster", None)),
        }  # fmt: skip

        def event(event_type: str, seconds: float, after: Delivery | None = None, **values: Any) -> Delivery:
            row = {
                **common, "event_type": event_type, "occurred_at": at + timedelta(seconds=seconds),
                "journey_entry_id": entry if self.chance(0.8) else None, "is_test": self.chance(0.03) or None,
            }  # fmt: skip
            # What a message is about may stand on some of its rows only.
            for name in ("campaign_id", "channel"):
                row[name] = row[name] if self.chance(0.8) else None
            return self.deliver("message_events", {**row, **self.event_id("m"), **values}, after=after)

        fate = self.rng.choices(("delivered", "failed", "skipped", "bounced"), (6, 1, 1, 2))[0]
        if fate in ("skipped", "failed"):
            event(fate, 1, reason_code=self.rng.choice(("frequency_capped", "invalid_token", "odd", None)))
            if fate == "failed" and self.chance(0.3):
                event("sent", 60)
            return
        event(
            "sent", 0, sms_segments=2 if channel == "sms" else None, cost_amount="0.05", cost_currency="eur"
        )
        click = event("clicked", 11) if self.chance(0.3) else None
        if self.chance(0.9) or fate == "bounced":
            # The delivery that makes a click too quick may arrive after the click.
            delivered = event(
                "delivered",
                10,
                after=click,
                delivery_route=self.rng.choice(("primary", "amplification", None)),
            )
            if click is not None and delivered.batch > click.batch:
                delivered.feature = "bot click later"
            if fate == "bounced":
                kind = self.rng.choice(("hard", "soft"))
                bounced = event("bounced", 20, bounce_type=kind, reason_code="mailbox_full")
                bounced.feature = "bounce after delivery"
        for event_type in self.rng.sample(ENGAGEMENTS, self.rng.randint(0, 3)):
            agent = self.rng.choice((None, None, "Mozilla/5.0", "GoogleImageProxy"))
            event(event_type, self.rng.choice((10, 12, 600, 90000)), user_agent=agent)

    def _link(
        self, alias: str, canonical: str, link_type: str, feature: str, after: Delivery | None = None
    ) -> Delivery:
        """One identity link; no two of an account are received in the same instant."""
        at = self.moment() + timedelta(microseconds=7 * self.number())
        if after is not None:
            at = max(at, after.received_at + timedelta(microseconds=7 * self.number()))
        elif self.chance(0.7):
            after = self.rng.choice(self.events())
        values = {"alias_id": alias, "canonical_id": canonical, "link_type": link_type, "occurred_at": at}
        return self.deliver("identity_links", values, after=after, received_at=at, feature=feature)

    def _history(self, *users: str) -> Delivery | None:
        """The row that completes the history of some users: the last of their first rows."""
        firsts = [
            min(rows, key=lambda row: row.batch)
            for table in EVENT_TABLES
            for user in users
            if (rows := self.events(table=table, user_id=user))
        ]
        return max(firsts, key=lambda row: row.batch, default=None)

    def _links(self) -> None:
        """Merges, chains, cycles and the end of a merge."""
        first, second, third = self.rng.sample(self.users, 3)
        if self.chance(0.75):
            kind = self.rng.choice(("merge", "identify", "alias"))
            merge = self._link(first, second, kind, "merge", self._history(first, second))
            if self.chance(0.4):
                self._link(second, third, "merge", "chain of links")
            if self.chance(0.4):
                self._link(first, second, "unlink", "unlink", merge)
        if self.chance(0.35):
            self._link(second, third, "alias", "cycle of links")
            self._link(third, self.rng.choice((first, second)), "merge", "cycle of links")
            self._link(first, second, "merge", "cycle of links")
        if self.chance(0.3):
            self._link("device-7", first, "alias", "merge")

    def _test_users(self) -> None:
        """Profiles that turn into test users, and some of them back."""
        for user in self.rng.sample(self.users, self.rng.randint(0, 2)):
            at = self.moment(1, 6)
            values = {"user_id": user, "is_test": True, "updated_at": at}
            flagged = self.deliver(
                "users", values, after=self._history(user), received_at=at, feature="test user later"
            )
            if self.chance(0.6):
                back_at = at + timedelta(days=2)
                values = {"user_id": user, "is_test": False, "updated_at": back_at}
                self.deliver("users", values, after=flagged, received_at=back_at, feature="test user no more")

    def _references_of(self, table: str) -> list[Delivery]:
        return [row for row in self.deliveries if row.table == table]

    def _changed_definitions(self) -> None:
        """Goals, journeys, nodes, versions and campaigns that a later row changes."""
        goal = self.rng.choice(self._references_of("goals"))
        if self.chance(0.5):
            valid_from = BASE + timedelta(days=self.rng.randint(2, 6))
            self.again(
                goal,
                "goal version later",
                valid_from=valid_from,
                window_seconds=self.rng.choice(WINDOWS),
                window_anchor=self.rng.choice(ANCHORS),
            )
        if self.chance(0.5):
            self.again(
                goal,
                "goal changed later",
                event_name=self.rng.choice(("purchase", "signup")),
                window_seconds=self.rng.choice(WINDOWS),
                filters=json.dumps(self.rng.choice(FILTERS)),
                is_primary=self.chance(0.5),
            )
        if self.chance(0.4):
            self.again(goal, "goal stopped", valid_to=BASE + timedelta(days=self.rng.randint(3, 7)))
        journey = self.rng.choice(self._references_of("journeys"))
        if self.chance(0.5):
            stopped_at = BASE + timedelta(days=self.rng.randint(4, 10))
            stop = {"status": "stopped", "stopped_at": stopped_at, "updated_at": stopped_at}
            stopped = self.again(journey, "journey stopped later", **stop)
            if self.chance(0.6):
                start = {"status": "active", "stopped_at": None, "updated_at": stopped_at + timedelta(days=1)}
                self.again(stopped, "journey started again", **start)
        for table, column, feature in (
            ("nodes", "node_name", "node renamed"),
            ("journey_versions", "version_name", "version renamed"),
            ("campaigns", "campaign_name", "campaign renamed"),
        ):
            rows = self._references_of(table)
            if rows and self.chance(0.5):
                row = self.rng.choice(rows)
                changes = {column: f"Renamed {self.number()}"}
                if table == "nodes":
                    changes |= {"is_terminal": self.chance(0.5), "channel": self.rng.choice(CHANNELS)}
                if table == "campaigns":
                    changes |= {"campaign_conversion_seconds": self.rng.choice((None, 60, 604800))}
                self.again(row, feature, **changes)

    def _repeated_events(self) -> None:
        """Copies of delivered events: identical, corrected, and older ones that must lose."""
        for row in self.rng.sample(self.deliveries, 4):
            copy = self.deliver(row.table, row.values, after=row, received_at=row.values.get("received_at"))
            if row.table in EVENT_TABLES and copy.batch > row.batch:
                copy.feature = "duplicate in a later batch"
        journeys, messages = "journey_events", "message_events"
        corrections: dict[str, tuple[Iterable[str], Callable[[Delivery], dict[str, Any]]]] = {
            "user": (EVENT_TABLES, lambda row: {"user_id": self.rng.choice(self.users)}),
            "type": ((journeys, messages), lambda row: {"event_type": self.rng.choice(CORRECTED_TYPES)}),
            "time": (EVENT_TABLES, lambda row: {"occurred_at": self.moment()}),
            "journey": ((journeys, messages), self._other_journey),
            "message": ((messages,), self._other_message),
            "entry": ((journeys, messages), self._other_entry),
        }
        for what, (tables, change) in corrections.items():
            rows = [row for table in tables for row in self.events(table=table) if row.values.get("event_id")]
            if rows and self.chance(0.5):
                row = self.rng.choice(rows)
                values = change(row)
                is_changed = any(row.values.get(name) != value for name, value in values.items())
                self.again(row, f"corrected {what}" if is_changed else None, **values)
            if rows and self.chance(0.2):
                row = self.rng.choice(rows)
                copy = self.again(row, older=True, **change(row))
                if copy.received_at < row.received_at and copy.batch > row.batch:
                    copy.feature = "older copy later"

    def _other_journey(self, row: Delivery) -> dict[str, Any]:
        """The change of an event to another journey."""
        changes: dict[str, Any] = {"journey_id": self.rng.choice(("j1", "j2", "j3"))}
        if not IDS_CROSS_JOURNEYS:
            changes["journey_entry_id"] = None
            if row.table == "message_events":
                changes["message_id"] = None
        return changes

    def _other_message(self, row: Delivery) -> dict[str, Any]:
        """The change of an event to another message of its journey, to a new one, or to an unnamed one."""
        journey = row.values["journey_id"]
        known = self._known("message_events", "message_id", journey)
        return {"message_id": self.rng.choice((f"new-{journey}", None, *known[:1]))}

    def _other_entry(self, row: Delivery) -> dict[str, Any]:
        """The change of an event to another entry of its journey, to one that never began, or to none."""
        journey = row.values["journey_id"]
        known = self._known("journey_events", "journey_entry_id", journey)
        return {"journey_entry_id": self.rng.choice((f"new-{journey}", None, *known))}

    def _rejected_rows(self) -> None:
        """Rows that cannot be used, each with the value that is wrong; `reject` marks them here only."""
        at = self.moment()
        common = {"event_id": f"r{self.number()}", "occurred_at": at, "user_id": "u1"}
        journey = {**common, "event_type": "journey_entered", "journey_id": "j1"}
        message = {**common, "event_type": "sent", "channel": "sms"}
        rejects: list[tuple[str, dict[str, Any], tuple[str, ...]]] = [
            ("journey_events", {**journey, "user_id": None}, ()),
            ("journey_events", {**journey, "event_type": "node_entered"}, ()),
            ("journey_events", {**journey, "occurred_at": datetime(1999, 12, 31)}, ()),
            ("message_events", {**message, "channel": None}, ()),
            ("message_events", {**message, "sms_segments": -1}, ()),
            ("user_events", {**common, "event_name": "purchase", "properties": "{oops"}, ()),
            ("user_events", {**common, "event_name": None}, ()),
            ("identity_links", {"alias_id": "u1", "canonical_id": None, "occurred_at": at}, ()),
            (
                "goals",
                {"journey_id": "j1", "goal_id": "g1", "event_name": "purchase", "window_seconds": -5},
                (),
            ),
            ("journey_events", {**journey, "occurred_at": "yesterday"}, ("text", "lines")),
            ("message_events", {**message, "is_bot": "perhaps"}, ("text", "lines")),
        ]
        for table, values, slots in self.rng.sample(rejects, self.rng.randint(1, 3)):
            received_at = at if isinstance(values.get("occurred_at"), str) else None
            occurred_at = values.pop("occurred_at", None) if received_at else None
            row = self.deliver(
                table,
                {**values, "reject": True},
                received_at=received_at,
                slots=slots,
                feature="rejected row",
            )
            if occurred_at is not None:
                row.values["occurred_at"] = occurred_at
        if not self.by_clock and self.chance(0.3):
            table = self.rng.choice(EVENT_TABLES)
            row = self.deliver(table, {}, slots=("text", "lines"), feature="malformed line")
            row.line = f"broken {self.account}" if row.slot == "text" else f'{{"broken": "{self.account}'

    def as_of(self, batch: int) -> datetime:
        """Time of the last event received up to a batch (2000-01-01 before the first): the default as_of."""
        rows = [row.received_at for row in self.deliveries if row.is_usable and row.batch <= batch]
        return max(rows, default=datetime(2000, 1, 1))

    def _late_rows(self) -> None:
        """Move some events to a later batch, as they were or received later."""
        for row in self.rng.sample(self.events() + self.events(table="message_events"), 3) + self.rng.sample(
            self.events(table="user_events"), 2
        ):
            later = [batch for batch in self.event_batches if batch > row.batch]
            if later and not self.by_clock:
                row.batch = self.rng.choice(later)
                if self.chance(0.5):
                    row.values["received_at"] = row.received_at + timedelta(days=self.rng.choice((1, 5)))

    def _thin_out(self) -> None:
        """Leave one or two rows in every batch but the first, of a table drawn first."""
        first = min(row.batch for row in self.deliveries)
        kept = [row for row in self.deliveries if row.batch == first]
        for batch in range(first + 1, self.batches):
            rows = [row for row in self.deliveries if row.batch == batch]
            for _ in range(min(self.rng.choice((1, 1, 2)), len(rows))):
                table = self.rng.choice(sorted({row.table for row in rows}))
                kept.append(self.rng.choice([row for row in rows if row.table == table]))
                rows.remove(kept[-1])
        self.deliveries = kept

    def _observe(self) -> None:
        """Note the features of the rows and those that only the finished delivery shows."""
        self.features |= {row.feature for row in self.deliveries if row.feature is not None}
        self.features |= {
            f"setting {name}" for name, values in SETTINGS.items() if self.settings[name] != values[0]
        }
        events = [row for row in self.deliveries if row.is_usable]
        for row in events:
            self._observe_event(row, [other for other in events if other.batch < row.batch])
        for row in self._references_of("identity_links"):
            alias, canonical = row.values["alias_id"], row.values["canonical_id"]
            seen = {other.values["user_id"] for other in events if other.batch < row.batch}
            if {alias, canonical} <= seen and row.feature != "unlink":
                self.features.add("late merge")
        for row in self.deliveries:
            if row.values.get("received_at") is None:
                self.features.add("no received_at")
            if row.slot == "old" and row.batch > 0:
                self.features.add("old folder")
            if row.slot == "copied" and row.batch + 2 < self.batches:
                self.features.add("file again")
            if SLOTS[row.slot].grows and any(
                other.slot == row.slot and other.table == row.table and other.batch < row.batch
                for other in self.deliveries
            ):
                self.features.add("file replaced")
        filled = {
            batch: {row.table for row in self.deliveries if row.batch == batch}
            for batch in range(self.batches)
        }
        if not filled[0]:
            self.features.add("account later")
        for batch in range(1, self.batches):
            if not filled[batch] and filled[batch - 1]:
                self.features.add("empty batch")
            if filled[batch] and not filled[batch] & set(CLOCKED_TABLES):
                self.features.add("reference-only batch")
        self._observe_clock()

    def _observe_event(self, row: Delivery, earlier: list[Delivery]) -> None:
        """Note what one usable event shows beside the events of earlier batches."""
        values, received = row.values, [other.received_at for other in earlier]
        entry, message = values.get("journey_entry_id"), values.get("message_id")
        entries = self.events("journey_entered", journey_entry_id=entry) if entry else []
        is_entry, is_message = values.get("event_type") == "journey_entered", row.table == "message_events"
        same_message = self.events(table="message_events", message_id=message) if message else []
        shown = {
            "late event": any(other.values["occurred_at"] > values["occurred_at"] for other in earlier),
            "newest received": received and row.received_at > max(received),
            "oldest received": received and row.received_at < min(received),
            "late exit": values.get("event_type") == "journey_exited"
            and any(other.batch < row.batch for other in entries),
            "no event id": values.get("event_id") is None,
            "no entry id": is_entry and entry is None,
            "no message id": is_message and message is None,
            "shared entry id": is_entry
            and any(other.values["user_id"] != values["user_id"] for other in entries),
            "shared message id": any(other.values["user_id"] != values["user_id"] for other in same_message),
            "trigger event": values.get("trigger_event_id") is not None,
            "test row": values.get("is_test"),
            "inferred journey": values.get("journey_id") == "j3",
        }
        self.features |= {feature for feature, is_shown in shown.items() if is_shown}

    def _observe_clock(self) -> None:
        """Note entries and windows that end because the clock moves on, not because a row says so."""
        windows = {row.values["window_seconds"] for row in self._references_of("goals")} - {0, None, -5}
        for batch in range(1, self.batches):
            before, after = self.as_of(batch - 1), self.as_of(batch)
            for row in self.events("journey_entered", "journey_exited"):
                at, entry = row.values["occurred_at"], row.values.get("journey_entry_id")
                is_exit = row.values["event_type"] == "journey_exited"
                is_open = entry and not self.events("journey_exited", journey_entry_id=entry)
                stale = self.settings["max_open_entry_seconds"]
                if row.batch >= batch:
                    continue
                if is_exit and any(before <= at + timedelta(seconds=window) < after for window in windows):
                    self.features.add("window closes")
                if stale and is_open and before < at + timedelta(seconds=stale) <= after:
                    self.features.add("entry goes stale")


@cache
def world(seed: int, account: str, batches: int) -> World:
    """The world of one account; always the same for the same arguments, whatever the other accounts are."""
    return World(seed, account, batches)


def account_names(cases: int, clock_cases: int) -> list[str]:
    """Names of the accounts of a set of cases."""
    return [f"case_{n:03}" for n in range(cases)] + [f"asof_{n:03}" for n in range(clock_cases)]


def account_settings(worlds: Iterable[World]) -> dict[str, dict[str, Any]]:
    """The dbt var account_settings of these worlds."""
    return {f"{SOURCE_SYSTEM}/{world.account}": dict(world.settings) for world in worlds}


def file_name(table: str, slot: str, batch: int) -> str:
    """Path of a slot's file below the landing root."""
    days = {"day": batch, "before": max(batch - 1, 0), "first": 0}
    dates = {name: f"{load_date(number):%Y-%m-%d}" for name, number in days.items()}
    return f"{table}/{SLOTS[slot].path.format(n=batch, **dates)}"


def write_batch(worlds: Iterable[World], batch: int, root: Path) -> None:
    """Write the files that a batch adds or replaces below `root`, with their modification times."""
    rows: dict[str, list[tuple[World, Delivery]]] = {}
    for one in worlds:
        for delivery in one.deliveries:
            slot, table = delivery.slot, delivery.table
            name = file_name(table, slot, batch)
            if delivery.batch == batch or (SLOTS[slot].grows and delivery.batch < batch):
                rows.setdefault(name, []).append((one, delivery))
            if delivery.batch == batch - 2 and slot == "copied":
                first = Path(file_name(table, slot, delivery.batch))
                rows.setdefault(str(first.with_name(f"again_{first.name}")), []).append((one, delivery))
    for name, found in rows.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        _write_file(path, found[0][1].table, found)
        stamp = modified_at(batch).replace(tzinfo=UTC).timestamp()
        os.utime(path, (stamp, stamp))


def _write_file(path: Path, table: str, rows: list[tuple[World, Delivery]]) -> None:
    """Write rows as the kind of file that the name says."""
    records = []
    for one, delivery in rows:
        values = {"source_system": SOURCE_SYSTEM, "source_account": one.account, **delivery.values}
        values.pop("reject", None)
        records.append(
            (delivery.line, {name: _text(value) for name, value in values.items() if value is not None})
        )
    if path.suffix == ".csv":
        with path.open("w", encoding="utf-8", newline="") as file:
            writer = csv.DictWriter(file, list(columns(table)), lineterminator="\n")
            writer.writeheader()
            for line, record in records:
                if line is None:
                    writer.writerow({name: str(value).lower() if isinstance(value, bool) else value
                                     for name, value in record.items()})  # fmt: skip
                else:
                    file.write(f"{line}\n")
        return
    lines = "".join(f"{line or json.dumps(record)}\n" for line, record in records)
    if path.suffix == ".jsonl":
        path.write_text(lines, encoding="utf-8")
        return
    with (
        tempfile.NamedTemporaryFile("w", suffix=".jsonl", encoding="utf-8") as source,
        duckdb.connect() as connection,
    ):
        source.write(lines)
        source.flush()
        connection.execute(
            f"copy (select * from read_json(?, format = 'newline_delimited', columns = {columns(table)}))"
            f" to '{path}' (format parquet)",
            [source.name],
        )


def _text(value: Any) -> Any:
    """A value as JSON holds it."""
    return f"{value.isoformat()}Z" if isinstance(value, datetime) else value


def main() -> None:
    """Write the batches of a set of cases below a folder."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--cases", type=int, default=20, help="accounts with rows in any order (default: 20)")
    parser.add_argument(
        "--clock-cases", type=int, default=0, help="accounts with rows in the order of their receipt"
    )
    parser.add_argument("--batches", type=int, default=5)
    parser.add_argument("--only", nargs="+", metavar="ACCOUNT", help="only these accounts, such as case_017")
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    names = options.only or account_names(options.cases, options.clock_cases)
    worlds = [world(options.seed, name, options.batches) for name in names]
    for batch in range(options.batches):
        write_batch(worlds, batch, options.out / f"batch_{batch}")
    settings = json.dumps({"account_settings": account_settings(worlds)}, indent=1)
    (options.out / "vars.json").write_text(settings, encoding="utf-8")
    features = set().union(*(one.features for one in worlds))
    print(
        f"{sum(len(one.deliveries) for one in worlds):,} rows of {len(worlds)} accounts below {options.out}."
    )
    print(f"Features that do not occur: {', '.join(sorted(FEATURES - features)) or 'none'}.")


if __name__ == "__main__":
    main()
