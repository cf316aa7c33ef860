{% set overview_figures = [
    'pw_messages_sent', 'nm_messages_sent', 'messages_attempted', 'messages_failed', 'messages_skipped', 'messages_delivered',
    'sending_error_messages', 'nm_total_exits', 'total_exits_any', 'pw_exits', 'status_exited', 'status_dropped_off',
    'pw_dropoffs_chart', 'pw_dropoffs_campaign_health', 'dropoffs_sending', 'pw_csv_drop_off', 'pw_entrances',
    'nm_entry_user_count', 'total_entries', 'unique_entry_users', 'pw_unique_users_messaged', 'conversion_events_total',
    'converted_users', 'nm_conversion_rate', 'pw_conversion_rate'
] %}
{% set channel_figures = [
    'ct_sent', 'send_attempt_events', 'messages_delivered_inferred', 'ct_errors', 'ct_errors_technical',
    'ct_errors_non_technical', 'delivery_issue_messages', 'issues_policy', 'clicks_total', 'messages_clicked', 'users_clicked',
    'messages_opened', 'users_opened', 'messages_accepted', 'users_accepted', 'messages_impressed'
] %}
{% set channel_rates = ['user_open_rate', 'pw_unique_open_rate', 'ct_ctr_pct', 'ct_clicks_pct'] %}
{% set last_figure = channel_rates | last %}
with overview as (
    select *
    from {{ ref('mart_journey_overview') }}
    where journey_version_id = 'ALL' and period_id = 'all_time'
),

channels as (
    select *
    from {{ ref('mart_channel_stats') }}
    where
        journey_version_id = 'ALL' and period_id = 'all_time' and date_basis = 'event'
        and channel = 'ALL' and platform = 'ALL'
),

-- A journey without a message has no channel row: its counts are 0, its rates unknown.
joined as (
    select
        overview.account_key,
        overview.journey_id,
        {% for name in overview_figures %}overview.{{ name }},
        {% endfor -%}
        {% for name in channel_figures if name not in overview_figures %}coalesce(channels.{{ name }}, 0) as {{ name }},
        {% endfor -%}
        {% for name in channel_rates %}channels.{{ name }}{{ ',' if not loop.last }}
        {% endfor %}
    from overview
    left join channels
        on overview.account_key = channels.account_key and overview.journey_id = channels.journey_id
),

figures as (
    {% for name in overview_figures + channel_figures + channel_rates -%}
    select
        account_key,
        journey_id,
        '{{ name }}' as figure_name,
        cast({{ name }} as double) as figure_value
    from joined
    {{ 'union all' if name != last_figure }}
    {% endfor -%}
),

compared as (
    select
        overview.account_key,
        overview.journey_id,
        overview.journey_name,
        definitions.difference_id,
        definitions.term,
        definitions.left_vendor,
        definitions.left_column,
        definitions.right_vendor,
        definitions.right_column,
        definitions.relation,
        definitions.added_columns,
        definitions.subtracted_columns,
        definitions.reason,
        max(case when figures.figure_name = definitions.left_column then figures.figure_value end) as left_value,
        max(case when figures.figure_name = definitions.right_column then figures.figure_value end) as right_value,
        sum(
            case
                when ' ' || definitions.added_columns || ' ' like '% ' || figures.figure_name || ' %'
                    then figures.figure_value
                else 0
            end
        ) as added_value,
        sum(
            case
                when ' ' || coalesce(definitions.subtracted_columns, '') || ' ' like '% ' || figures.figure_name || ' %'
                    then figures.figure_value
                else 0
            end
        ) as subtracted_value
    from overview
    inner join figures
        on overview.account_key = figures.account_key and overview.journey_id = figures.journey_id
    inner join {{ ref('definition_differences') }} as definitions
        on
            ' ' || definitions.left_column || ' ' || definitions.right_column || ' ' || definitions.added_columns || ' '
            || coalesce(definitions.subtracted_columns, '') || ' ' like '% ' || figures.figure_name || ' %'
    group by
        overview.account_key, overview.journey_id, overview.journey_name, definitions.difference_id, definitions.term,
        definitions.left_vendor, definitions.left_column, definitions.right_vendor, definitions.right_column,
        definitions.relation, definitions.added_columns, definitions.subtracted_columns, definitions.reason
)

select
    account_key,
    journey_id,
    difference_id,
    journey_name,
    term,
    left_vendor,
    left_column,
    left_value,
    right_vendor,
    right_column,
    right_value,
    left_value - right_value as difference,
    case
        when relation = 'sum' then added_value - subtracted_value else {{ rate('added_value', 'subtracted_value') }}
    end as explanation_value,
    case
        when relation = 'sum'
            then
                right_column || ' + ' || replace(added_columns, ' ', ' + ')
                || coalesce(' - ' || replace(subtracted_columns, ' ', ' - '), '')
        else right_column || ' x ' || added_columns || ' / ' || subtracted_columns
    end as explanation,
    case
        when left_value is null or right_value is null then null
        when relation = 'sum' then abs(left_value - right_value - added_value + subtracted_value) < 0.000001
        else abs(left_value * subtracted_value - right_value * added_value) < 0.000001 * (1 + abs(right_value * added_value))
    end as is_explained,
    reason
from compared
