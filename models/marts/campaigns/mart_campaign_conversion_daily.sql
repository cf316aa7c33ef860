{% set measures = [
    'users_first_accepted', 'ct_converted_users', 'view_through_users', 'click_through_users'
] %}
with sends as (
    select
        account_key,
        campaign_id,
        user_key,
        min(message_date) as date_day
    from {{ ref('fct_messages') }}
    where is_accepted and not is_control and campaign_id is not null
    group by account_key, campaign_id, user_key
),

conversions as (
    select
        conversions.account_key,
        conversions.campaign_id,
        conversions.user_key,
        min(conversions.converted_at) as converted_at,
        min(case when conversions.is_view_through then conversions.converted_at end) as viewed_converted_at,
        min(case when conversions.is_click_through then conversions.converted_at end) as clicked_converted_at
    from {{ ref('int_campaign_conversions') }} as conversions
    group by conversions.account_key, conversions.campaign_id, conversions.user_key
),

-- Every user counts once per measure, on the first day it holds, so that days add up.
dated as (
    select
        account_key,
        campaign_id,
        date_day,
        1 as users_first_accepted,
        0 as ct_converted_users,
        0 as view_through_users,
        0 as click_through_users
    from sends
    {% for measure, instant in [
        ('ct_converted_users', 'converted_at'),
        ('view_through_users', 'viewed_converted_at'),
        ('click_through_users', 'clicked_converted_at'),
    ] %}
    union all
    select
        conversions.account_key,
        conversions.campaign_id,
        {{ local_date('conversions.' ~ instant, 'settings.reporting_timezone') }} as date_day,
        {% for name in measures %}{{ 1 if name == measure else 0 }} as {{ name }}{{ ',' if not loop.last }}
        {% endfor %}
    from conversions
    inner join {{ ref('stg_settings') }} as settings
        on conversions.account_key = settings.account_key
    where conversions.{{ instant }} is not null
    {% endfor %}
),

days as (
    select
        account_key,
        campaign_id,
        date_day,
        {% for name in measures %}sum({{ name }}) as {{ name }}{{ ',' if not loop.last }}
        {% endfor %}
    from dated
    group by account_key, campaign_id, date_day
),

cumulated as (
    select
        days.*,
        settings.reporting_timezone,
        sum(days.users_first_accepted) over (
            partition by days.account_key, days.campaign_id
            order by days.date_day
            rows between unbounded preceding and current row
        ) as cumulative_users_accepted,
        sum(days.ct_converted_users) over (
            partition by days.account_key, days.campaign_id
            order by days.date_day
            rows between unbounded preceding and current row
        ) as cumulative_converted_users
    from days
    inner join {{ ref('stg_settings') }} as settings
        on days.account_key = settings.account_key
)

select
    account_key,
    campaign_id,
    date_day,
    reporting_timezone,
    'event' as date_basis,
    {% for name in measures %}cast({{ name }} as bigint) as {{ name }},
    {% endfor -%}
    cast(cumulative_users_accepted as bigint) as cumulative_users_accepted,
    cast(cumulative_converted_users as bigint) as cumulative_converted_users,
    cast({{ pct('cumulative_converted_users', 'cumulative_users_accepted') }} as double) as ct_conversion_pct
from cumulated
