"""Columns of the landing tables the simulator writes, in contract order."""

from __future__ import annotations

_TEXT, _TIME, _BOOL, _INT, _FLOAT, _MONEY = (
    "varchar",
    "timestamp",
    "boolean",
    "bigint",
    "double",
    "decimal(38,9)",
)

# Columns that are not text, by name; a name has one type in every table.
_TYPES = {
    **dict.fromkeys(
        (
            "occurred_at received_at loaded_at created_at launched_at stopped_at updated_at published_at "
            "retired_at valid_from valid_to deleted_at first_seen_at last_seen_at cost_date min_occurred_at "
            "max_occurred_at started_at finished_at"
        ).split(),
        _TIME,
    ),
    **dict.fromkeys(
        (
            "is_control is_bot is_test is_terminal is_primary is_deleted ends_journey migrates_active_entries"
        ).split(),
        _BOOL,
    ),
    **dict.fromkeys(
        (
            "reentry_cooldown_seconds version_number position goal_index window_seconds row_count "
            "campaign_conversion_seconds sms_segments random_bucket"
        ).split(),
        _INT,
    ),
    **dict.fromkeys("expected_share planned_share".split(), _FLOAT),
    **dict.fromkeys("cost_amount value amount".split(), _MONEY),
}

_TABLES = {
    "journeys": (
        "journey_id journey_name journey_type category status reentry_policy reentry_cooldown_seconds "
        "created_at launched_at stopped_at timezone tags updated_at"
    ),
    "journey_versions": (
        "journey_id journey_version_id version_number version_name published_at retired_at "
        "migrates_active_entries"
    ),
    "nodes": (
        "journey_id journey_version_id node_id node_name node_type channel campaign_id is_terminal position "
        "stable_node_key"
    ),
    "node_edges": "journey_id journey_version_id from_node_id to_node_id branch_label expected_share",
    "goals": (
        "journey_id goal_id goal_name goal_index event_name filters window_seconds window_anchor ends_journey "
        "is_primary value_property currency_property valid_from valid_to"
    ),
    "campaigns": (
        "campaign_id campaign_name channel journey_id node_id subject_or_title provider created_at tags "
        "conversion_event_name campaign_conversion_seconds"
    ),
    "campaign_variants": "campaign_id variant_id variant_name planned_share is_control",
    "journey_events": (
        "event_id event_type journey_id journey_version_id journey_entry_id user_id user_id_type node_id "
        "next_node_id branch_label occurred_at is_control control_group_type variant_id trigger_event_id "
        "reason_code exit_event_name error_code error_message"
    ),
    "message_events": (
        "event_id event_type message_id dispatch_id journey_id journey_version_id journey_entry_id node_id "
        "campaign_id variant_id user_id user_id_type channel endpoint_id endpoint_type platform os_version "
        "app_id device_model occurred_at reason_code provider_code provider_message bounce_type link_id "
        "link_url button_id user_agent ip is_bot bot_reason delivery_route is_test sms_segments cost_amount "
        "cost_currency"
    ),
    "user_events": (
        "event_id event_name user_id user_id_type occurred_at value currency properties order_id session_id "
        "device_id platform attributed_message_id is_test"
    ),
    "users": (
        "user_id external_user_id created_at country language timezone is_test is_deleted deleted_at "
        "random_bucket attributes updated_at"
    ),
    "devices": (
        "device_id user_id platform os_version app_version sdk_version push_token_status first_seen_at "
        "last_seen_at"
    ),
    "identity_links": "alias_id alias_type canonical_id link_type occurred_at",
    "subscriptions": "user_id channel status source occurred_at",
    "costs": "cost_date channel campaign_id amount currency",
    "load_batches": (
        "batch_id object_name file_name file_sha256 row_count min_occurred_at max_occurred_at started_at "
        "finished_at loader_version"
    ),
}

_ENVELOPE = (
    "source_system source_account source_record_id batch_id received_at loaded_at schema_version raw_payload"
)

EVENT_TABLES = ("journey_events", "message_events", "user_events")


def columns(table: str) -> dict[str, str]:
    """Return the columns of a landing table, envelope included, as name -> DuckDB type in contract order."""
    names = dict.fromkeys(f"{_TABLES[table]} {_ENVELOPE}".split())  # load_batches has batch_id only once
    return {name: _TYPES.get(name, _TEXT) for name in names}


def tables() -> list[str]:
    """Return the names of all landing tables."""
    return list(_TABLES)


def select_list(table: str, expressions: dict[str, str]) -> str:
    """Return the select list of a table: the given SQL expressions by column, typed nulls elsewhere."""
    known = columns(table)
    if unknown := expressions.keys() - known.keys():
        raise ValueError(f"{table} has no column {', '.join(sorted(unknown))}")
    return ",\n".join(
        f"cast({expressions.get(name, 'null')} as {kind}) as {name}" for name, kind in known.items()
    )
