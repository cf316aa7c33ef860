"""Turns the demo company into lookup tables, so that every random choice is one join on a drawn slot.

A distribution is a set of items that share the slots 0 .. SLOTS - 1 by their weights. A plan is one complete
way an entry can go (path, exit reason, place of the exit), an outcome is one complete life of a message.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any

from simulator import channels, company
from simulator.company import DAY, HOUR, Journey, Path, Version

SLOTS = 4096
CLOCK_SLOTS = 65536
SECOND = 1_000_000  # times are microseconds since 1970
DAY_US = DAY * SECOND
EARLIEST, LATEST = 0, 5_000_000_000 * SECOND

Row = dict[str, Any]


@dataclass(frozen=True)
class Period:
    """The days in which things happen."""

    start: date
    days: int

    @property
    def start_us(self) -> int:
        """First instant of the period."""
        return (self.start - date(1970, 1, 1)).days * DAY_US

    @property
    def end_us(self) -> int:
        """First instant after the period."""
        return self.start_us + self.days * DAY_US

    def instant(self, fraction: float) -> int:
        """Return the instant at a fraction of the period."""
        return self.start_us + int(fraction * self.days * DAY_US)


@dataclass
class Lookups:
    """Rows of every lookup table, by table name; `dists` maps a distribution's name to its number."""

    rows: dict[str, list[Row]] = field(default_factory=dict)
    dists: dict[str, int] = field(default_factory=dict)

    def add(self, table: str, **row: Any) -> int:
        """Append a row to a lookup table and return its number."""
        self.rows.setdefault(table, []).append(row)
        return len(self.rows[table]) - 1

    def count(self, table: str) -> int:
        """Return the number of rows a lookup table has so far."""
        return len(self.rows.get(table, []))

    def add_dist(self, name: str, items: list[tuple[int, float]], slots: int = SLOTS) -> None:
        """Append a distribution: (item number, weight) pairs share the slots in proportion."""
        self.dists[name] = len(self.dists)
        total, reached, low = sum(weight for _, weight in items), 0.0, 0
        for item, weight in items:
            reached += weight
            high = round(slots * reached / total)
            if high > low:
                self.add("dist_items", dist=self.dists[name], item=item, low=low, high=high)
            low = high


def build_lookups(period: Period) -> Lookups:
    """Return every lookup table of the demo company for a period."""
    lookups = Lookups()
    _add_people(lookups)
    _add_clock(lookups, period)
    _add_outcomes(lookups)
    for journey in company.JOURNEYS:
        _add_journey(lookups, journey, period)
    _add_blasts(lookups, period)
    _add_background(lookups, period)
    return lookups


def _add_people(lookups: Lookups) -> None:
    weights = []
    for country, language, zone, offset, currency, weight in company.MARKETS:
        item = lookups.add(
            "markets",
            item=lookups.count("markets"),
            country=country,
            language=language,
            timezone=zone,
            offset_us=offset * 60 * SECOND,
            currency=currency,
        )
        weights.append((item, weight))
    lookups.add_dist("market", weights)
    for item, name in enumerate(company.NAMES):
        lookups.add("names", item=item, name=name)
    kinds = (("mobile", company.MOBILE), ("browser", company.BROWSERS), ("tablet", company.TABLETS))
    for kind, models in kinds:
        weights = []
        for platform, version, model, weight in models:
            item = lookups.add(
                "device_models",
                item=lookups.count("device_models"),
                platform=platform,
                os_version=version,
                device_model=model,
            )
            weights.append((item, weight))
        lookups.add_dist(kind, weights)
    devices = {"mobile": (1, 3), "browser": (2,), "first": (1,)}
    for channel, (endpoint_type, needs, _, cost) in channels.CHANNELS.items():
        for device in devices.get(needs, (0,)):
            lookups.add(
                "endpoints",
                channel=channel,
                device_no=device,
                endpoint_type=endpoint_type,
                needs=needs,
                cost=cost,
            )


def _add_clock(lookups: Lookups, period: Period) -> None:
    weights = []
    for day in range(period.days):
        growth = 1 + company.GROWTH * day / period.days
        weekday = company.WEEKDAY_WEIGHTS[(period.start + timedelta(days=day)).weekday()]
        weights += [growth * weekday * hour for hour in company.HOUR_WEIGHTS]
    lookups.add_dist("clock", list(enumerate(weights)), CLOCK_SLOTS)


def _add_outcomes(lookups: Lookups) -> None:
    for channel, outcomes in channels.OUTCOMES.items():
        moods: dict[str, list[tuple[int, float]]] = {}
        for mood, weight, events in outcomes:
            clicks = [event for event in events if event.type == "clicked" and mood == "engaged"]
            number = lookups.add(
                "outcomes",
                outcome=lookups.count("outcomes"),
                status=channels.sending_status(events),
                click_min=clicks[0].delay * SECOND if clicks else None,
                click_scale=clicks[0].spread * SECOND if clicks else None,
            )
            for seq, event in enumerate(events, start=1):
                lookups.add(
                    "outcome_events",
                    outcome=number,
                    seq=seq,
                    event_type=event.type,
                    min_us=event.delay * SECOND,
                    scale_us=event.spread * SECOND,
                    reason_code=event.reason,
                    bounce_type=event.bounce,
                    user_agent=channels.AGENTS.get(event.agent),
                    is_bot=event.flagged,
                    bot_reason=channels.BOT_REASONS[event.agent] if event.flagged else None,
                    button_id=event.button,
                    delivery_route=event.route,
                    provider_code=event.code,
                    provider_message=event.code and f"provider answered {event.code}",
                    has_link=event.type == "clicked" and event.agent is not None,
                )
            moods.setdefault(mood, []).append((number, weight))
        moods["any"] = [item for items in moods.values() for item in items]
        for mood, items in moods.items():
            lookups.add_dist(f"{channel}/{mood}", items)


def _add_journey(lookups: Lookups, journey: Journey, period: Period) -> None:
    stop = period.instant(journey.stop) if journey.stop else None
    lookups.add(
        "journeys",
        journey_id=journey.id,
        code=journey.code,
        journey_name=journey.name,
        journey_type=journey.type,
        category=journey.category,
        reentry_policy=journey.reentry,
        anchor=journey.anchor,
        stop_us=stop,
        cut_us=stop or period.end_us,
        control_share=journey.control_share,
        has_entry_ids=journey.has_entry_ids,
        trigger_event=journey.trigger_event,
    )
    for number, version in enumerate(journey.versions):
        _add_nodes(lookups, journey, version)
        _add_plans(lookups, journey, version)
        following = journey.versions[number + 1] if number + 1 < len(journey.versions) else None
        lookups.add(
            "versions",
            journey_id=journey.id,
            version_id=version.id,
            number=number + 1,
            from_us=period.instant(version.published) if number else EARLIEST,
            to_us=period.instant(following.published) if following else LATEST,
            next_version_id=following and following.id,
            target_dist=lookups.dists[f"{journey.id}/{version.id}/target"],
            control_dist=lookups.dists[f"{journey.id}/{version.id}/control"],
        )
    for index, goal in enumerate(journey.goals, start=1):
        names = ("property", "op", "value")
        where = (
            [{k: v for k, v in zip(names, goal.where, strict=True) if v is not None}] if goal.where else []
        )
        lookups.add(
            "goals",
            journey_id=journey.id,
            goal_id=f"{journey.code}-{goal.id}",
            goal_name=goal.name,
            goal_index=index,
            event_name=goal.event,
            filters=json.dumps(where),
            window_seconds=goal.window,
            window_anchor=goal.anchor,
            ends_journey=goal.ends_journey,
            is_primary=goal.is_primary,
        )
    for number, rule in enumerate(journey.conversions):
        # Short periods get quicker reactions, so that they still see them.
        lookups.add(
            "conversions",
            journey_id=journey.id,
            number=number,
            is_control=rule.arm == "control",
            event_name=rule.event,
            probability=rule.probability,
            min_us=min(rule.delay, 0.02 * period.days * DAY) * SECOND,
            scale_us=min(rule.spread, 0.06 * period.days * DAY) * SECOND,
            detail=rule.detail,
        )
    _add_entry_rules(lookups, journey, period)


def _add_entry_rules(lookups: Lookups, journey: Journey, period: Period) -> None:
    """Append the chances to enter: one per window of about 30 days and draw, or one in all."""
    low, high = journey.period
    windows, probability = 1, journey.rate
    if journey.reentry != "once":
        windows = max(1, round(period.days / 30))
        probability = journey.rate / journey.draws_per_window * period.days / windows / 30
    for window in range(windows):
        begin = low + (high - low) * window / windows
        for _ in range(journey.draws_per_window):
            number = lookups.count("entry_rules")
            lookups.add(
                "entry_rules",
                journey_id=journey.id,
                number=number,
                salt=1000 + number,
                probability=probability,
                low=begin,
                high=begin + (high - low) / windows,
                batch_us=int(begin * period.days) * DAY_US + 9 * HOUR * SECOND,
            )


def _add_nodes(lookups: Lookups, journey: Journey, version: Version) -> None:
    for position, node in enumerate(version.nodes, start=1):
        campaign = f"{journey.code}-{node.id}" if node.channel else None
        lookups.add(
            "nodes",
            journey_id=journey.id,
            journey_version_id=version.id,
            node_id=node.id,
            node_name=node.name,
            node_type=node.type,
            channel=node.channel,
            campaign_id=campaign,
            is_terminal=node.type == "exit",
            position=position,
            stable_node_key=node.key or node.id,
        )
        if campaign and all(row["campaign_id"] != campaign for row in lookups.rows.get("campaigns", [])):
            variants = (("A", 0.5), ("B", 0.5)) if node.id in ("mail-cart", "push-drop") else ()
            _add_campaign(lookups, campaign, node.name, node.channel, variants, journey.id, node.id)
    weights: dict[tuple[str, str, str | None], float] = {}
    for path in version.paths:
        for visit, following in zip(path.steps, path.steps[1:], strict=False):
            edge = (visit.node, following.node, visit.branch)
            weights[edge] = weights.get(edge, 0) + path.share
    for (source, target, label), weight in weights.items():
        leaving = sum(value for edge, value in weights.items() if edge[0] == source)
        lookups.add(
            "node_edges",
            journey_id=journey.id,
            journey_version_id=version.id,
            from_node_id=source,
            to_node_id=target,
            branch_label=label,
            expected_share=round(weight / leaving, 4),
        )


def _add_campaign(
    lookups: Lookups,
    campaign: str,
    name: str,
    channel: str,
    variants: tuple[tuple[str, float], ...],
    journey_id: str | None = None,
    node_id: str | None = None,
) -> None:
    items = []
    for variant, share in variants:
        item = lookups.count("variants")
        lookups.add("variants", item=item, campaign_id=campaign, variant_id=variant, planned_share=share)
        items.append((item, share))
    if items:
        lookups.add_dist(f"variant/{campaign}", items)
    lookups.add(
        "campaigns",
        campaign_id=campaign,
        campaign_name=name,
        channel=channel,
        journey_id=journey_id,
        node_id=node_id,
        provider=channels.CHANNELS[channel][2],
        variant_dist=lookups.dists.get(f"variant/{campaign}"),
    )


def _add_plans(lookups: Lookups, journey: Journey, version: Version) -> None:
    """Append every plan of a version: each path with each way to end, and the distribution over them."""
    types = {node.id: node.type for node in version.nodes}
    never = company.NEVER_ENTERED_SHARE
    items = [(_PlanBuilder(journey, version).store(lookups), never)]
    for path in version.paths:
        share = path.share * (1 - never)
        waits = [place for place, visit in enumerate(path.steps) if visit.wait >= HOUR]
        messages = [place for place, visit in enumerate(path.steps) if types[visit.node] == "message"]
        early = {**journey.exits, None: company.STUCK_SHARE}
        for reason, weight in early.items():
            places = messages if reason == "sending_error" else waits
            for place in places:
                plan = _PlanBuilder(journey, version).walk(lookups, path, reason, place)
                items.append((plan.store(lookups), share * weight / len(places)))
        plan = _PlanBuilder(journey, version).walk(lookups, path, "completed", len(path.steps) - 1)
        items.append((plan.store(lookups), share * (1 - sum(early.values()))))
    lookups.add_dist(f"{journey.id}/{version.id}/target", items)
    control = _PlanBuilder(journey, version).hold_out(version.paths[0])
    lookups.add_dist(f"{journey.id}/{version.id}/control", [(control.store(lookups), 1)])


class _PlanBuilder:
    """Collects the journey events of one plan; before anything else the user qualifies."""

    def __init__(self, journey: Journey, version: Version) -> None:
        self.journey = journey
        self.nodes = {node.id: node for node in version.nodes}
        self.steps: list[Row] = []
        self.row: Row = dict.fromkeys(("variant_id", "exit_reason", "emits", "exit_min", "exit_scale"))
        self.row["enters"] = False
        self._step("qualified", -1)

    def _step(self, event_type: str, at: float, spread: float = 0, **details: Any) -> None:
        optional = (
            "node_id next_node_id branch_label reason_code exit_event_name error_code error_message "
            "campaign_id dist"
        )
        times = {"event_type": event_type, "min_us": at * SECOND, "scale_us": spread * SECOND}
        self.steps.append({**dict.fromkeys(optional.split()), **times, **details})

    def walk(self, lookups: Lookups, path: Path, reason: str | None, place: int) -> _PlanBuilder:
        """Follow a path up to the visit at `place` and end there for a reason; None never ends."""
        self.row.update(enters=True, variant_id=path.variant)
        self._step("journey_entered", 0)
        at, spread = 0.0, 0.0
        for index, visit in enumerate(path.steps[: place + 1]):
            node = self.nodes[visit.node]
            message = {}
            if node.channel:
                mood = "failed" if reason == "sending_error" and index == place else visit.mood
                message["campaign_id"] = f"{self.journey.code}-{node.id}"
                message["dist"] = lookups.dists[f"{node.channel}/{mood}"]
            self._step("node_entered", at, spread, node_id=node.id, **message)
            if index == place:
                break
            leaves = {"node_id": node.id, "next_node_id": path.steps[index + 1].node}
            if visit.branch:
                self._step("branch_taken", at + 0.2, spread, branch_label=visit.branch, **leaves)
            at, spread = at + visit.wait, spread + visit.spread
            if visit.wait >= HOUR:
                self._step("node_exited", at - 0.1, spread, **leaves)
        if reason in ("completed", "sending_error"):
            self._exit(reason, at + 1, spread, path.steps[place].node)
        elif reason:  # somewhere inside the wait: the random factor is at most 4
            wait = path.steps[place].wait
            self._exit(reason, at + 60, spread + (wait - 120) / 4, path.steps[place].node)
        return self

    def hold_out(self, path: Path) -> _PlanBuilder:
        """Follow a member of the control group: in, untouched for the length of the path, out."""
        self.row["enters"] = True
        self._step("control_assigned", 0)
        self._step("journey_entered", 0)
        self._exit("completed", sum(visit.wait for visit in path.steps), 0, None)
        return self

    def _exit(self, reason: str, at: float, spread: float, node: str | None) -> None:
        trouble = {
            "internal_error": ("E500", "unexpected null, line 3"),
            "sending_error": ("E_SEND", "all endpoints failed"),
        }
        if reason in trouble:
            code, message = trouble[reason]
            self._step("step_error", at - 0.5, spread, node_id=node, error_code=code, error_message=message)
        cancel = self.journey.cancel_event if reason == "cancel_event" else None
        self._step("journey_exited", at, spread, node_id=node, reason_code=reason, exit_event_name=cancel)
        goal = next((goal.event for goal in self.journey.goals if goal.ends_journey), None)
        self.row.update(
            exit_reason=reason,
            exit_min=at * SECOND,
            exit_scale=spread * SECOND,
            emits=goal if reason == "goal_reached" else cancel,
        )

    def store(self, lookups: Lookups) -> int:
        """Append the plan and its steps and return its number."""
        plan = lookups.add("plans", plan=lookups.count("plans"), **self.row)
        for seq, step in enumerate(self.steps):
            lookups.add("plan_steps", plan=plan, seq=seq, seq_text=f".{seq:02d}", **step)
        return plan


def _add_blasts(lookups: Lookups, period: Period) -> None:
    for blast in company.BLASTS:
        days = range(min(blast.first, period.days - 1), period.days, blast.every)
        for number, day in enumerate(days, start=1):
            campaign = f"{blast.code}-{number:02d}"
            _add_campaign(lookups, campaign, f"{blast.name} #{number}", blast.channel, blast.variants)
            lookups.add(
                "blasts",
                campaign_id=campaign,
                salt=5000 + lookups.count("blasts"),
                share=blast.share,
                at_us=period.start_us + day * DAY_US + 8 * HOUR * SECOND,
                dist=lookups.dists[f"{blast.channel}/any"],
            )


def _add_background(lookups: Lookups, period: Period) -> None:
    windows = max(1, round(period.days / 10))
    for event, (tries, chance) in company.BACKGROUND.items():
        for window in range(windows):
            for _ in range(tries):
                number = lookups.count("background")
                lookups.add(
                    "background",
                    number=number,
                    salt=8000 + number,
                    event_name=event,
                    probability=chance * period.days / windows / 10,
                    low=window / windows,
                    high=(window + 1) / windows,
                )
