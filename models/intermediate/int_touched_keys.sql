{{ config(
    materialized='incremental',
    incremental_strategy='append',
    on_schema_change='fail',
    post_hook="{{ close_touched_keys() }}",
) }}
-- depends_on: {{ ref('stg_journey_events_history') }}
-- depends_on: {{ ref('stg_message_events_history') }}
-- depends_on: {{ ref('stg_user_events_history') }}
-- depends_on: {{ ref('stg_journey_events') }}
-- depends_on: {{ ref('stg_message_events') }}
-- depends_on: {{ ref('stg_journeys') }}
-- depends_on: {{ ref('stg_settings') }}
-- depends_on: {{ ref('int_definitions') }}
-- depends_on: {{ ref('int_goal_versions') }}
-- depends_on: {{ ref('stg_campaigns') }}
{% if not is_incremental() %}
-- A full run rebuilds everything, so that no key has to be named.
select
    cast(null as string) as scope,
    cast(null as string) as account_key
    {%- for name in touched_key_columns() %},
    cast(null as string) as {{ name }}
    {%- endfor %}
where false
{% else %}
with changed_definitions as (
    (
        select * from {{ ref('int_definitions') }}
        except
        select * from {{ ops_table('known_definitions') }}
    )
    union
    (
        select * from {{ ops_table('known_definitions') }}
        except
        select * from {{ ref('int_definitions') }}
    )
),

-- With one configured primary goal for all journeys, a changed goal concerns every journey of its account.
changed_accounts as (
    select changed_definitions.account_key
    from changed_definitions
    inner join {{ ref('stg_settings') }} as settings
        on changed_definitions.account_key = settings.account_key
    where
        changed_definitions.kind = 'anchor'
        or (changed_definitions.kind = 'goal' and settings.primary_goal_id is not null)
),

changed_journeys as (
    select account_key, definition_key as journey_id
    from changed_definitions
    where kind in ('goal', 'node')
),

touched_rows as (
    select * from {{ ops_table('touched_rows') }}
),

entries as (
    select
        account_key,
        user_key,
        journey_id,
        occurred_at
    from {{ ref('stg_journey_events') }}
    where event_type = 'journey_entered'
),

redefined as (
    {% for table in ['journey_events', 'message_events'] %}
    {% for condition in [
        'changed_journeys on events.account_key = changed_journeys.account_key'
        ~ ' and events.journey_id = changed_journeys.journey_id',
        'changed_accounts on events.account_key = changed_accounts.account_key',
    ] %}
    {% if not (loop.first and table == 'journey_events') %}union{% endif %}
    select
        events.account_key,
        events.user_key,
        coalesce(events.journey_id, '') as journey_id
    from {{ ref('stg_' ~ table) }} as events
    {{ semi_join() }} {{ condition }}
    {% endfor %}
    {% endfor %}
),

-- Entries without an exit event whose end by the clock is not the one they were given.
clocked as (
    select
        exited.account_key,
        exited.user_key,
        exited.journey_id
    from {{ known_relation('int_entries_exited') }} as exited
    inner join {{ ref('stg_settings') }} as settings
        on exited.account_key = settings.account_key
    left join {{ ref('stg_journeys') }} as journeys
        on exited.account_key = journeys.account_key and exited.journey_id = journeys.journey_id
    where
        exited.exited_at is null
        and (
            exited.stopped_at is distinct from {{ stopped_at('exited') }}
            or exited.stale_at is distinct from {{ stale_at('exited') }}
        )
),

pairs as (
    select account_key, user_key, journey_id
    from touched_rows
    where table_name in ('journey_events', 'message_events')
    union
    select account_key, user_key, journey_id from redefined
    union
    select account_key, user_key, journey_id from clocked
),

-- What a user did matters to the journeys entered before, by goals that look for such an event.
goal_events as (
    select distinct
        touched_rows.account_key,
        touched_rows.user_key,
        touched_rows.event_name,
        touched_rows.occurred_at,
        goals.journey_id
    from touched_rows
    inner join {{ ref('int_goal_versions') }} as goals
        on touched_rows.account_key = goals.account_key and touched_rows.event_name = goals.event_name
    where touched_rows.table_name = 'user_events'
),

conversion_pairs as (
    select distinct
        entries.account_key,
        entries.user_key,
        entries.journey_id
    from entries
    inner join goal_events
        on
            entries.account_key = goal_events.account_key
            and entries.user_key = goal_events.user_key
            and entries.journey_id = goal_events.journey_id
            and entries.occurred_at <= goal_events.occurred_at
),

conversion_windows as (
    select
        settings.account_key,
        greatest(
            settings.campaign_conversion_seconds, coalesce(max(campaigns.campaign_conversion_seconds), 0)
        ) * 1000000 as window_us
    from {{ ref('stg_settings') }} as settings
    left join {{ ref('stg_campaigns') }} as campaigns
        on settings.account_key = campaigns.account_key
    group by settings.account_key, settings.campaign_conversion_seconds
),

goal_times as (
    select distinct
        account_key,
        user_key,
        occurred_at
    from goal_events
),

-- The rows of a message share its user, its send time and its campaign (F13), so the row that names the user need not be
-- the one that was sent inside the window, nor the one that names the campaign.
user_messages as (
    select distinct
        events.account_key,
        events.message_id,
        goal_times.occurred_at
    from {{ ref('stg_message_events') }} as events
    inner join goal_times
        on
            events.account_key = goal_times.account_key
            and events.user_key = goal_times.user_key
            and events.occurred_at <= goal_times.occurred_at
),

conversion_messages as (
    select distinct
        user_messages.account_key,
        user_messages.message_id
    from user_messages
    inner join {{ ref('stg_message_events') }} as events
        on
            user_messages.account_key = events.account_key
            and user_messages.message_id = events.message_id
            and user_messages.occurred_at >= events.occurred_at
    inner join conversion_windows
        on user_messages.account_key = conversion_windows.account_key
    where {{ epoch_us('user_messages.occurred_at') }} - {{ epoch_us('events.occurred_at') }} <= conversion_windows.window_us
    union
    select distinct
        events.account_key,
        events.message_id
    from {{ ref('stg_message_events') }} as events
    inner join changed_definitions
        on
            events.account_key = changed_definitions.account_key
            and events.campaign_id = changed_definitions.definition_key
            and changed_definitions.kind = 'campaign'
)

{% for scope, source, columns in [
    ('pair', 'pairs', ['user_key', 'journey_id']),
    ('entry', "touched_rows where journey_entry_id is not null", ['journey_entry_id']),
    ('message', "touched_rows where message_id is not null", ['message_id']),
    ('conversion_pair', 'conversion_pairs', ['user_key', 'journey_id']),
    ('conversion_message', 'conversion_messages', ['message_id']),
    ('goal_event', "touched_rows where table_name = 'user_events'", ['event_id']),
    ('goal_condition', "changed_definitions where kind = 'condition'", ['definition_key as condition_key']),
] %}
{% if not loop.first %}union all{% endif %}
select distinct
    '{{ scope }}' as scope,
    account_key
    {%- for name in touched_key_columns() %},
    {% if name in columns %}{{ name }}
    {%- elif columns[0].endswith(' as ' ~ name) %}{{ columns[0] }}
    {%- else %}cast(null as string) as {{ name }}{% endif %}
    {%- endfor %}
from {{ source }}
{% endfor %}
{% endif %}
