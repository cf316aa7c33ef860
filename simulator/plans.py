"""Turns the demo company into lookup tables, so that every random choice is one join on a drawn slot.

A distribution is a set of items that share the slots 0 .. SLOTS - 1 by their weights. A plan is one complete way
an entry can go (path, exit reason, place of the exit), an outcome is one complete life of a message.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from simulator import company
from simulator.company import DAY, HOUR, JOURNEYS, Journey, Path, Step, Version

SLOTS = 4096
CLOCK_SLOTS = 65536
SECOND = 1_000_000  # all times are microseconds
BATCH_HOUR = 9

# Any of these events makes a message with a failed attempt a success after all.
BETTER_THAN_FAILED = set(
    "sent delivered bounced impression opened clicked dismissed read replied unsubscribed complained".split()
)

Row = dict[str, Any]


@dataclass
class Lookups:
    """Rows of every lookup table, by table name; `dists` maps a distribution's name to its number."""

    rows: dict[str, list[Row]] = field(default_factory=dict)
    dists: dict[str, int] = field(default_factory=dict)

    def add(self, table: str, **row: Any) -> None:
        """Append a row to a lookup table."""
        self.rows.setdefault(table, []).append(row)

    def add_dist(self, name: str, items: list[tuple[Any, float]], slots: int = SLOTS) -> None:
        """Append a distribution: (item number, weight) pairs share the slots in proportion."""
        self.dists[name] = len(self.dists)
        total, reached, low = sum(weight for _, weight in items), 0.0, 0
        for item, weight in items:
            reached += weight
            high = round(slots * reached / total)
            if high > low:
                self.add("dist_items", dist=self.dists[name], item=item, low=low, high=high)
            low = high


def build_lookups(start: datetime, days: int) -> Lookups:
    """Return every lookup table of the demo company for a period."""
    lookups = Lookups()
    _add_people(lookups)
    _add_clock(lookups, start, days)
    _add_outcomes(lookups)
    for journey in JOURNEYS:
        _add_journey(lookups, journey, start, days)
    _add_blasts(lookups, start, days)
    _add_background(lookups, days)
    return lookups


def _micros(moment: datetime) -> int:
    return (moment - datetime(1970, 1, 1)) // timedelta(microseconds=1)


def _add_people(lookups: Lookups) -> None:
    for number, (country, language, zone, offset, currency, _) in enumerate(company.MARKETS):
        lookups.add(
            "markets", item=number, country=country, language=language, timezone=zone,
            offset_us=offset * 60 * SECOND, currency=currency,
        )  # fmt: skip
    lookups.add_dist("market", [(number, market[-1]) for number, market in enumerate(company.MARKETS)])
    for number, name in enumerate(company.NAMES):
        lookups.add("names", item=number, name=name)
    models = {"mobile": company.MOBILE, "browser": company.BROWSERS, "tablet": company.TABLETS}
    number = 0
    for kind, members in models.items():
        items = []
        for platform, version, model, weight in members:
            lookups.add("device_models", item=number, platform=platform, os_version=version, device_model=model)
            items.append((number, weight))
            number += 1
        lookups.add_dist(f"device:{kind}", items)
    for channel, (endpoint_type, needs, _, cost) in company.CHANNELS.items():
        for device in {"mobile": (1, 3), "browser": (2,), "first": (1,)}.get(needs, (0,)):
            lookups.add(
                "endpoints", channel=channel, device_no=device, endpoint_type=endpoint_type, needs=needs,
                cost=cost or None,
            )  # fmt: skip


def _add_clock(lookups: Lookups, start: datetime, days: int) -> None:
    weights = []
    for day in range(days):
        growth = 1 + company.GROWTH * day / days
        weekday = company.WEEKDAY_WEIGHTS[(start + timedelta(days=day)).weekday()]
        weights += [growth * weekday * hour for hour in company.HOUR_WEIGHTS]
    lookups.add_dist("clock", list(enumerate(weights)), CLOCK_SLOTS)


def _add_outcomes(lookups: Lookups) -> None:
    number = 0
    for channel, outcomes in company.OUTCOMES.items():
        moods: dict[str, list[tuple[int, float]]] = {"any": []}
        for mood, share, events in outcomes:
            types = {event.type for event in events}
            status = "skipped" if types == {"skipped"} else "accepted"
            if "failed" in types and not types & BETTER_THAN_FAILED:
                status = "failed"
            clicks = [event for event in events if event.type == "clicked" and mood == "engaged"]
            click = clicks[0] if clicks else None  # scanners buy nothing
            lookups.add(
                "outcomes", outcome=number, status=status,
                click_min=click and click.delay * SECOND, click_scale=click and click.spread * SECOND,
            )  # fmt: skip
            for seq, event in enumerate(events, start=1):
                lookups.add(
                    "outcome_events", outcome=number, seq=seq, event_type=event.type,
                    min_us=event.delay * SECOND, scale_us=event.spread * SECOND, reason_code=event.reason,
                    bounce_type=event.bounce, user_agent=company.AGENTS.get(event.agent), is_bot=event.flagged,
                    bot_reason={"proxy": "machine_open", "scanner": "suspected_scanner"}[event.agent]
                    if event.flagged
                    else None,
                    button_id=event.button, delivery_route=event.route or "primary", provider_code=event.code,
                    provider_message=event.code and f"provider answered {event.code}",
                    has_link=event.type == "clicked" and event.agent is not None,
                )  # fmt: skip
            moods["any"].append((number, share))
            moods.setdefault(mood, []).append((number, share))
            number += 1
        for mood, items in moods.items():
            lookups.add_dist(f"outcome:{channel}:{mood}", items)


def _add_journey(lookups: Lookups, journey: Journey, start: datetime, days: int) -> None:
    begin, period = _micros(start), days * DAY * SECOND
    end = begin + period
    stop = begin + int(journey.stop * period) if journey.stop else None
    lookups.add(
        "journeys", journey_id=journey.id, code=journey.code, name=journey.name, type=journey.type,
        category=journey.category, reentry=journey.reentry, cut_us=stop or end, stop_us=stop,
        control_share=journey.control_share, has_entry_ids=journey.has_entry_ids, anchor=journey.anchor,
        trigger_event=journey.trigger_event,
    )  # fmt: skip
    published = [begin + int(version.published * period) for version in journey.versions]
    for number, version in enumerate(journey.versions):
        following = number + 1 < len(journey.versions)
        _add_version_plans(lookups, journey, version)
        lookups.add(
            "versions", journey_id=journey.id, version_id=version.id, number=number + 1,
            from_us=published[number] if number else begin - 400 * DAY * SECOND,
            to_us=published[number + 1] if following else end * 2,
            next_version_id=journey.versions[number + 1].id if following else None,
            target_dist=lookups.dists[f"plan:{journey.id}:{version.id}:target"],
            control_dist=lookups.dists[f"plan:{journey.id}:{version.id}:control"],
        )  # fmt: skip
    for index, goal in enumerate(journey.goals, start=1):
        lookups.add(
            "goals", journey_id=journey.id, goal_id=f"{journey.code}-{goal.id}", name=goal.name, index=index,
            event=goal.event, filters=goal.filters, window=goal.window, anchor=goal.anchor,
            ends_journey=goal.ends_journey, is_primary=goal.is_primary,
        )  # fmt: skip
    for number, rule in enumerate(journey.conversions):
        lookups.add(
            "conversions", journey_id=journey.id, number=number, is_control=rule.arm == "control",
            event_name=rule.event, probability=rule.probability, min_us=min(rule.delay, 0.02 * days * DAY) * SECOND,
            scale_us=min(rule.spread, 0.06 * days * DAY) * SECOND, detail=rule.detail,
        )  # fmt: skip
    _add_entry_rules(lookups, journey, days)


def _add_entry_rules(lookups: Lookups, journey: Journey, days: int) -> None:
    low, high = journey.period
    if journey.reentry == "once":
        windows, probability = [(low, high)], journey.rate
    else:
        count = max(1, round(days / 30))
        edges = [low + (high - low) * number / count for number in range(count + 1)]
        windows = list(zip(edges, edges[1:], strict=False)) * journey.draws_per_window
        probability = journey.rate / journey.draws_per_window * days / count / 30
    for low, high in windows:
        number = len(lookups.rows.get("entry_rules", []))
        lookups.add(
            "entry_rules", journey_id=journey.id, number=number, salt=1000 + number, probability=probability,
            low=low, high=high, batch_us=int(low * days) * DAY * SECOND + BATCH_HOUR * HOUR * SECOND,
        )  # fmt: skip


def _campaign_id(journey: Journey, node_id: str) -> str:
    return f"{journey.code}-{node_id}"


def _add_version_plans(lookups: Lookups, journey: Journey, version: Version) -> None:
    plans: list[tuple[int, float]] = []
    _add_reference_nodes(lookups, journey, version)
    plans.append((_add_plan(lookups, journey, version, None, None, None), company.NEVER_ENTERED_SHARE))
    for path in version.paths:
        entering = path.share * (1 - company.NEVER_ENTERED_SHARE)
        early = {**journey.exits, None: company.STUCK_SHARE}
        for reason, share in early.items():
            places = _exit_places(version, path, reason)
            for place in places:
                plan = _add_plan(lookups, journey, version, path, reason, place)
                plans.append((plan, entering * share / len(places)))
        full = _add_plan(lookups, journey, version, path, "completed", len(path.steps) - 1)
        plans.append((full, entering * (1 - sum(early.values()))))
    lookups.add_dist(f"plan:{journey.id}:{version.id}:target", plans)
    control = _add_control_plan(lookups, version.paths[0])
    lookups.add_dist(f"plan:{journey.id}:{version.id}:control", [(control, 1)])


def _exit_places(version: Version, path: Path, reason: str | None) -> list[int]:
    """Steps at which an entry can end early: a message that fails, else any longer wait."""
    types = {node.id: node.type for node in version.nodes}
    if reason == "sending_error":
        return [place for place, step in enumerate(path.steps) if types[step.node] == "message"]
    return [place for place, step in enumerate(path.steps) if step.wait >= HOUR]


def _add_plan(
    lookups: Lookups, journey: Journey, version: Version, path: Path | None, reason: str | None, place: int | None
) -> int:
    """Append one plan with its steps; without a path the user qualifies but never enters."""
    plan = len(lookups.rows.get("plans", []))
    steps: list[Row] = []

    def step(event_type: str, at: float, spread: float = 0, **details: Any) -> None:
        steps.append(
            {"event_type": event_type, "min_us": at * SECOND, "scale_us": spread * SECOND, **details}
        )

    step("qualified", -1)
    exit_at = exit_spread = emits = None
    if path:
        step("journey_entered", 0)
        at, spread = 0.0, 0.0
        types = {node.id: node for node in version.nodes}
        for index, visit in enumerate(path.steps[: place + 1]):
            node = types[visit.node]
            following = path.steps[index + 1].node if index + 1 < len(path.steps) else None
            failing = reason == "sending_error" and index == place
            sends = node.channel is not None
            step(
                "node_entered", at, spread, node_id=node.id,
                campaign_id=_campaign_id(journey, node.id) if sends else None,
                dist=lookups.dists[f"outcome:{node.channel}:{'failed' if failing else visit.mood}"]
                if sends
                else None,
            )  # fmt: skip
            if index == place:
                break
            if visit.branch:
                step(
                    "branch_taken", at + 0.2, spread, node_id=node.id, next_node_id=following,
                    branch_label=visit.branch,
                )  # fmt: skip
            at, spread = at + visit.wait, spread + visit.spread
            if visit.wait >= HOUR:
                step("node_exited", at - 0.1, spread, node_id=node.id, next_node_id=following)
        exit_at, exit_spread, emits = _add_exit(step, journey, path.steps[place], reason, at, spread)
    _store_plan(lookups, plan, steps, path.variant if path else None, path is not None, exit_at, exit_spread,
                reason, emits)  # fmt: skip
    return plan


def _add_exit(
    step: Any, journey: Journey, visit: Step, reason: str | None, at: float, spread: float
) -> tuple[float | None, float | None, str | None]:
    """Append the exit inside a visit and return its time, spread and the user event that causes it."""
    if reason is None:
        return None, None, None
    if reason in ("completed", "sending_error"):
        at += 1
    else:  # somewhere inside the wait: the random factor is at most 4
        at, spread = at + 60, spread + (visit.wait - 120) / 4
    emits = None
    if reason == "goal_reached":
        emits = next(goal.event for goal in journey.goals if goal.ends_journey)
    elif reason == "cancel_event":
        emits = journey.cancel_event
    trouble = {"internal_error": "E500", "sending_error": "E_SEND"}.get(reason)
    if trouble:
        step(
            "step_error", at - 0.5, spread, node_id=visit.node, error_code=trouble,
            error_message="unexpected null, line 3" if trouble == "E500" else "all endpoints failed",
        )  # fmt: skip
    step(
        "journey_exited", at, spread, node_id=visit.node, reason_code=reason,
        exit_event_name=journey.cancel_event if reason == "cancel_event" else None,
    )  # fmt: skip
    return at, spread, emits


def _add_control_plan(lookups: Lookups, path: Path) -> int:
    plan = len(lookups.rows["plans"])
    length = sum(visit.wait for visit in path.steps)
    types = (("qualified", -1), ("control_assigned", 0), ("journey_entered", 0), ("journey_exited", length))
    steps = [
        {"event_type": name, "min_us": at * SECOND, "scale_us": 0,
         "reason_code": "completed" if name == "journey_exited" else None}
        for name, at in types
    ]  # fmt: skip
    _store_plan(lookups, plan, steps, None, True, length, 0, "completed", None)
    return plan


def _store_plan(
    lookups: Lookups, plan: int, steps: list[Row], variant: str | None, enters: bool, exit_at: float | None,
    exit_spread: float | None, reason: str | None, emits: str | None,
) -> None:  # fmt: skip
    lookups.add(
        "plans", plan=plan, variant_id=variant, enters=enters, exit_reason=reason, emits=emits,
        exit_min=None if exit_at is None else exit_at * SECOND,
        exit_scale=None if exit_spread is None else exit_spread * SECOND,
    )  # fmt: skip
    for seq, row in enumerate(steps):
        optional = dict.fromkeys(
            "node_id next_node_id branch_label reason_code exit_event_name error_code error_message "
            "campaign_id dist".split()
        )
        lookups.add("plan_steps", plan=plan, seq=seq, seq_text=f".{seq:02d}", **{**optional, **row})


def _add_reference_nodes(lookups: Lookups, journey: Journey, version: Version) -> None:
    leaving = {path.steps[-1].node for path in version.paths}
    for position, node in enumerate(version.nodes, start=1):
        campaign = _campaign_id(journey, node.id) if node.channel else None
        lookups.add(
            "nodes", journey_id=journey.id, version_id=version.id, node_id=node.id, name=node.name, type=node.type,
            channel=node.channel, campaign_id=campaign, is_terminal=node.id in leaving, position=position,
            key=node.key or node.id,
        )  # fmt: skip
        known = {row["campaign_id"] for row in lookups.rows.get("campaigns", [])}
        if campaign and campaign not in known:
            variants = (("A", 0.5), ("B", 0.5)) if node.id in ("mail-cart", "push-drop") else ()
            _add_campaign(lookups, campaign, node.name, node.channel, variants, journey.id, node.id)
    leaving_weight: dict[tuple[str, str, str | None], float] = {}
    for path in version.paths:
        for visit, following in zip(path.steps, path.steps[1:], strict=False):
            edge = (visit.node, following.node, visit.branch)
            leaving_weight[edge] = leaving_weight.get(edge, 0) + path.share
    for (source, target, label), weight in leaving_weight.items():
        total = sum(value for key, value in leaving_weight.items() if key[0] == source)
        lookups.add(
            "edges", journey_id=journey.id, version_id=version.id, from_node=source, to_node=target, label=label,
            share=round(weight / total, 4),
        )  # fmt: skip


def _add_campaign(
    lookups: Lookups, campaign: str, name: str, channel: str, variants: tuple[tuple[str, float], ...],
    journey_id: str | None = None, node_id: str | None = None,
) -> None:  # fmt: skip
    base = len(lookups.rows.get("variants", []))
    for offset, (variant, share) in enumerate(variants):
        lookups.add("variants", item=base + offset, campaign_id=campaign, variant_id=variant, share=share)
    if variants:
        lookups.add_dist(f"variant:{campaign}", [(base + i, share) for i, (_, share) in enumerate(variants)])
    lookups.add(
        "campaigns", campaign_id=campaign, name=name, channel=channel, journey_id=journey_id, node_id=node_id,
        provider=company.CHANNELS[channel][2], variant_dist=lookups.dists.get(f"variant:{campaign}"),
    )  # fmt: skip


def _add_blasts(lookups: Lookups, start: datetime, days: int) -> None:
    for blast in company.BLASTS:
        for number, day in enumerate(range(min(blast.first, days - 1), days, blast.every), start=1):
            campaign = f"{blast.code}-{number:02d}"
            _add_campaign(lookups, campaign, f"{blast.name} #{number}", blast.channel, blast.variants)
            lookups.add(
                "blasts", campaign_id=campaign, salt=5000 + len(lookups.rows.get("blasts", [])), share=blast.share,
                at_us=_micros(start) + (day * DAY + 8 * HOUR) * SECOND,
                dist=lookups.dists[f"outcome:{blast.channel}:any"],
            )  # fmt: skip


def _add_background(lookups: Lookups, days: int) -> None:
    count = max(1, round(days / 10))
    for event, chance in company.BACKGROUND:
        for window in range(count):
            for _ in range(company.BACKGROUND_DRAWS.get(event, 1)):
                number = len(lookups.rows.get("background", []))
                lookups.add(
                    "background", number=number, salt=8000 + number, event_name=event, low=window / count,
                    high=(window + 1) / count, probability=chance * days / count / 10,
                )  # fmt: skip
