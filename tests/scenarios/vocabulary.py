"""The keys a scenario may assert, and what each is worth in a group that the result lacks."""

from __future__ import annotations

from dataclasses import dataclass, field

# Kind of a key -> its value in a missing group: zero counts, null rates, no ids, no revenue.
EMPTY = {"count": 0, "rate": None, "seconds": None, "flag": False, "text": None, "ids": [], "money": {}}

CONFIG_DEFAULTS = {
    "as_of": "2025-12-31T00:00:00Z",
    "reporting_timezone": "UTC",
    "primary_goal_id": "G1",
    "bot_click_min_seconds": 2,
    "max_open_entry_seconds": None,
    "conversion_boundary": "inclusive",
    "campaign_conversion_seconds": 86400,
    "override_window_anchor": None,
}

# The one alias that the vocabulary gives beside those of the files.
ALIASES = {"link": "link_id"}

# received_at of a row without one: occurred_at in the event tables, always visible in all others.
EVENT_TABLES = {"journey_events", "message_events", "user_events"}
ALWAYS_VISIBLE = "1970-01-01T00:00:00Z"

AGGREGATE_INPUTS = {
    "stats": {"target_users", "target_converted", "control_users", "control_converted"},
    "srm": {"arms", "planned"},
    "export": {"channels"},
}


@dataclass(frozen=True)
class Block:
    """Shape of a block: the names of its group keys, and the kind of every key that may be asserted."""

    kinds: dict[str, str]
    group: tuple[str, ...] = ()
    # Kinds of keys that carry a name, by prefix or suffix: converted_users_<goal>, <channel>_ctr.
    named: dict[str, str] = field(default_factory=dict)

    def kind(self, key: str) -> str | None:
        """Kind of a key; None when the vocabulary does not know it."""
        if key in self.kinds:
            return self.kinds[key]
        for part, kind in self.named.items():
            named = key.startswith(part) if part.endswith("_") else key.endswith(part)
            if named and key != part:
                return kind
        return None


def _kinds(**keys: str) -> dict[str, str]:
    """Spread `kind="key key"` to {key: kind}."""
    return {key: kind for kind, names in keys.items() for key in names.split()}


OVERVIEW = _kinds(
    count="""
        qualified_users total_entries unique_entry_users control_entries control_users entries_open_now
        users_in_journey_now total_exits_any nm_total_exits nm_total_exits_matured nm_total_exits_pending
        entries_window_closed entries_window_open status_in_progress status_exited status_dropped_off pw_exits
        dropoffs_internal dropoffs_sending pw_dropoffs_campaign_health pw_dropoffs_chart pw_csv_drop_off
        messages_attempted messages_accepted messages_failed messages_skipped messages_delivered
        pw_messages_sent nm_messages_sent pw_unique_users_messaged sending_error_messages sending_error_users
        goals_users_any goals_users_sum
    """
)

GOALS = _kinds(
    count="""
        converted_users conversion_events_total converted_entries matured_entry_users control_converted_users
    """,
    rate="""
        nm_conversion_rate pw_conversion_rate entry_conversion_rate matured_conversion_rate
        control_conversion_rate uplift_abs uplift_rel ct_boost_pct
    """,
    seconds="ttc_p50_seconds ttc_mean_seconds ttc_min_seconds ttc_max_seconds",
    flag="has_export",
    ids="converted_entry_ids first_conversion_event_ids",
    money="revenue_first revenue_all",
)

MESSAGES = _kinds(
    count="""
        messages_attempted messages_failed messages_accepted messages_skipped send_attempt_events
        messages_delivered messages_delivered_inferred messages_bounced_hard messages_bounced_soft
        users_accepted devices_accepted users_delivered impressions_total messages_impressed users_impressed
        opens_total messages_opened users_opened opens_total_human messages_opened_human users_opened_human
        clicks_total messages_clicked users_clicked clicks_total_human messages_clicked_human
        users_clicked_human messages_read users_read replies_total messages_replied users_replied
        users_unsubscribed users_complained dismissals_total interactions_total users_interacted
        users_skipped_in_app users_no_interaction delivery_issue_messages delivery_issue_users
        issues_platform issues_recipient issues_policy issues_content ct_errors ct_errors_technical
        ct_errors_non_technical pw_sending_error_messages pw_sending_error_users pw_sent pw_recipients
        nm_sent ct_sent
    """,
    rate="""
        pw_open_rate pw_unique_open_rate user_open_rate user_click_rate user_delivery_rate pw_delivery_rate
        delivered_over_accepted_rate pw_unique_delivery_rate pw_click_rate pw_click_rate_link_clicks
        pw_unsubscribe_rate pw_complaint_rate pw_hard_bounce_rate pw_soft_bounce_rate pw_read_rate
        pw_interaction_rate user_interaction_rate ct_impressions_pct ct_clicks_pct ct_ctr_pct
    """,
)

BLOCKS = {
    "overview": Block(OVERVIEW),
    "journeys": Block(OVERVIEW, ("journey_id",)),
    "goals": Block(GOALS, ("goal_id",)),
    "versions": Block(
        _kinds(count="total_entries unique_entry_users"),
        ("journey_version_id",),
        {"converted_users_": "count", "nm_conversion_rate_": "rate"},
    ),
    "nodes": Block(
        {**_kinds(count="entry_count entry_users dropoff_entries entries_open_here"), **MESSAGES},
        ("node_id",),
    ),
    "edges": Block(_kinds(count="transitions entries users", seconds="seconds_p50 seconds_p90"), ("edge",)),
    "channels": Block(
        {
            **MESSAGES,
            **_kinds(
                count="users_entered_channel_steps", rate="pw_delivery_issue_rate delivery_issue_user_rate"
            ),
        },
        ("channel",),
    ),
    "platforms": Block(MESSAGES, ("platform",)),
    "variants": Block(MESSAGES, ("variant_id",)),
    "campaigns": Block(
        {
            **MESSAGES,
            **_kinds(
                count="""
                    influenced_users ct_converted_users view_through_users click_through_users
                    view_through_only_users
                """,
                rate="ct_view_through_pct ct_click_through_pct",
            ),
        },
        ("campaign_id",),
    ),
    "attribution": Block(_kinds(count="credit"), ("attribution_model", "node_id")),
    "daily": Block(
        _kinds(
            count="""
                entries entry_users exits first_conversions conversion_events messages_accepted opens_total
                users_opened clicks_total users_clicked
            """
        ),
        ("date_day",),
    ),
    "send_cohort": Block(
        _kinds(count="messages_accepted messages_opened messages_clicked", rate="open_rate click_rate"),
        ("date_day",),
    ),
    "periods": Block(
        _kinds(count="entries entry_users converted_users", rate="conversion_rate"), ("from", "to", "basis")
    ),
    "user_list": Block(_kinds(text="status last_step"), ("e",)),
    "workspace": Block(
        _kinds(
            count="conversion_events_deduplicated conversion_events_sum_over_journeys",
            money="revenue_deduplicated",
        )
    ),
    "dq": Block(
        _kinds(count="duplicate_rows_removed conflicting_event_ids duplicate_exits exit_before_entry")
    ),
    "stats": Block(
        _kinds(
            rate="""
                p_target p_control uplift_abs uplift_rel z p_value_two_sided wald_low wald_high newcombe_low
                newcombe_high incremental_conversions
            """
        )
    ),
    "srm": Block(_kinds(rate="chi2 df p_value alarm")),
    "export": Block(_kinds(rate="avg_ctr_unweighted avg_ctr_pooled"), named={"_ctr": "rate"}),
}

ATTRIBUTION_MODELS = {"last_opened_else_sent", "last_sent", "first_sent", "linear_sent"}
PERIOD_BASES = {"event", "cohort"}
