with goals as (
    select
        stg_goals.*,
        coalesce(settings.override_window_anchor, stg_goals.window_anchor) as effective_anchor,
        settings.as_of,
        settings.primary_goal_id,
        row_number() over (
            partition by stg_goals.account_key, stg_goals.journey_id, stg_goals.goal_id
            order by stg_goals.valid_from desc nulls last
        ) as version_recency,
        lead(stg_goals.valid_from) over (
            partition by stg_goals.account_key, stg_goals.journey_id, stg_goals.goal_id
            order by stg_goals.valid_from nulls first
        ) as next_valid_from
    from {{ ref('stg_goals') }} as stg_goals
    inner join {{ ref('stg_settings') }} as settings
        on stg_goals.account_key = settings.account_key
),

current_goals as (
    select
        account_key,
        journey_id,
        goal_id,
        row_number() over (
            partition by account_key, journey_id
            order by
                case when goal_id = primary_goal_id then 0 else 1 end,
                case when is_primary then 0 else 1 end,
                goal_index nulls last,
                goal_id
        ) as primary_order
    from goals
    where version_recency = 1
)

select
    goals.account_key,
    goals.journey_id,
    goals.goal_id,
    {% if var('restate_goals') %}cast(null as timestamp) as valid_from,
    cast(null as timestamp) as valid_to,
    {% else %}goals.valid_from,
    least(coalesce(goals.valid_to, goals.next_valid_from), coalesce(goals.next_valid_from, goals.valid_to)) as valid_to,
    {% endif %}goals.goal_name,
    goals.goal_index,
    goals.event_name,
    goals.filters,
    md5(goals.event_name || '|' || coalesce({{ canonical_json('goals.filters') }}, '[]')) as condition_key,
    goals.window_seconds,
    goals.effective_anchor as window_anchor,
    goals.ends_journey,
    goals.is_primary,
    goals.value_property,
    goals.currency_property,
    goals.version_recency = 1 as is_latest_version,
    current_goals.primary_order = 1 as is_primary_goal,
    -- Daily, period, attribution and campaign figures follow primary_goal_id alone when it is set (F21).
    case
        when goals.primary_goal_id is null then current_goals.primary_order = 1
        else goals.goal_id = goals.primary_goal_id
    end as is_headline_goal
from goals
inner join current_goals
    on
        goals.account_key = current_goals.account_key
        and goals.journey_id = current_goals.journey_id
        and goals.goal_id = current_goals.goal_id
{% if var('restate_goals') %}where goals.version_recency = 1{% endif %}
