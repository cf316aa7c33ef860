{#
    Measures by the day on which each thing happened (basis event), for charts over time.

    day_measure_ctes(sources, dimensions, sets, grains)
        CTEs ending in `day_measures`: one row per account_key, dimensions, bucket_grain, bucket_start and
        reporting_timezone, with every measure of the sources.
        sources         list of {relation, date, where, sums: {measure: value per row}, users: {measure: condition}};
                        a sum adds its value, a user counts once per row of the result where the condition ever holds
        dimensions      {name: expression over each relation}
        sets            list of lists of dimension names; a dimension left out of a set becomes 'ALL'
        grains          'day', 'week', 'month'
    message_day_sources()
        the sources of messages by send date and of impressions, opens and clicks by their own.
#}
{% macro message_day_sources() %}
    {% do return([
        {
            'relation': 'fct_messages', 'date': 'message_date', 'where': 'not is_control',
            'sums': {
                'messages_attempted': 'case when is_attempted then 1 else 0 end',
                'messages_accepted': 'case when is_accepted then 1 else 0 end',
                'messages_failed': 'case when is_failed then 1 else 0 end',
                'messages_skipped': 'case when is_skipped then 1 else 0 end',
                'messages_delivered': 'case when is_delivered then 1 else 0 end',
                'delivery_issue_messages': 'case when issue_kind is not null then 1 else 0 end',
            },
            'users': {'users_accepted': 'is_accepted'}
        },
        {
            'relation': 'fct_message_events', 'date': 'event_date',
            'where': "not is_control and event_type in ('impression', 'opened', 'clicked')",
            'sums': {
                'impressions_total': "case when event_type = 'impression' then 1 else 0 end",
                'opens_total': "case when event_type = 'opened' then 1 else 0 end",
                'clicks_total': "case when event_type = 'clicked' then 1 else 0 end",
            },
            'users': {'users_opened': "event_type = 'opened'", 'users_clicked': "event_type = 'clicked'"}
        },
    ]) %}
{% endmacro %}


{% macro day_measure_ctes(sources, dimensions, sets, grains=['day']) -%}
{%- set names = dimensions.keys() | list -%}
{%- set key = ['account_key'] + names + ['date_day', 'reporting_timezone'] -%}
{%- set rolled_key = ['account_key'] + names + ['bucket_grain', 'bucket_start', 'reporting_timezone'] -%}
{%- set sums, bits = [], {} -%}
{%- for source in sources -%}
    {%- for name in source['sums'] -%}{%- do sums.append(name) -%}{%- endfor -%}
    {%- for name in source.get('users', {}) -%}{%- do bits.update({name: 2 ** bits | length}) -%}{%- endfor -%}
{%- endfor -%}
day_sums as (
    {% for source in sources %}
    {{ 'union all' if not loop.first }}
    select
        account_key,
        {% for name, expression in dimensions.items() %}{{ expression ~ (' as ' ~ name if expression != name) }},
        {% endfor -%}
        {{ source['date'] }} as date_day,
        reporting_timezone,
        {% for name in sums -%}
        {{ 'sum(' ~ source['sums'][name] ~ ')' if name in source['sums'] else 0 }} as {{ name }}{{ ',' if not loop.last }}
        {% endfor %}
    from {{ ref(source['relation']) }}
    where {{ source['where'] }}
    group by account_key, {{ dimensions.values() | join(', ') }}, {{ source['date'] }}, reporting_timezone
    {% endfor %}
),

-- Numbers stand for groups and flags for measures from here on: the rows of users stay narrow.
numbered_sums as (
    select
        *,
        dense_rank() over (order by {{ key | join(', ') }}) as group_number
    from day_sums
),

group_days as (
    select distinct
        group_number,
        {{ key | join(', ') }}
    from numbered_sums
),

rolled_days as (
    select
        group_days.group_number,
        group_days.account_key,
        {% for name in names %}case when rolled_sets.has_{{ name }} then group_days.{{ name }} else 'ALL' end as {{ name }},
        {% endfor -%}
        grains.bucket_grain,
        case grains.bucket_grain
            {% for grain in grains -%}
            when '{{ grain }}' then cast({{ dbt.date_trunc(grain, 'group_days.date_day') }} as date)
            {% endfor -%}
        end as bucket_start,
        group_days.reporting_timezone
    from group_days
    cross join (
        values {% for columns in sets -%}
        ({% for name in names %}{{ (name in columns) | lower }}{{ ', ' if not loop.last }}{% endfor %}){{ ', ' if not loop.last }}
        {%- endfor %}
    ) as rolled_sets ({% for name in names %}has_{{ name }}{{ ', ' if not loop.last }}{% endfor %})
    cross join (values ('{{ grains | join("'), ('") }}')) as grains (bucket_grain)
),

group_members as (
    select
        *,
        dense_rank() over (order by {{ rolled_key | join(', ') }}) as rolled_number,
        count(*) over (partition by {{ rolled_key | join(', ') }}) as group_count
    from rolled_days
),

rolled_sums as (
    select
        group_members.rolled_number,
        {% for name in rolled_key %}group_members.{{ name }},
        {% endfor -%}
        {% for name in sums %}sum(numbered_sums.{{ name }}) as {{ name }}{{ ',' if not loop.last }}
        {% endfor %}
    from numbered_sums
    inner join group_members
        on numbered_sums.group_number = group_members.group_number
    group by group_members.rolled_number{% for name in rolled_key %}, group_members.{{ name }}{% endfor %}
),

user_rows as (
    {% for source in sources if source.get('users') %}
    {{ 'union all' if not loop.first }}
    select
        account_key,
        {% for name, expression in dimensions.items() %}{{ expression ~ (' as ' ~ name if expression != name) }},
        {% endfor -%}
        {{ source['date'] }} as date_day,
        reporting_timezone,
        user_key,
        {% for name, condition in source['users'].items() -%}
        {{ '+ ' if not loop.first }}case when {{ condition }} then {{ bits[name] }} else 0 end
        {% endfor %}as flags
    from {{ ref(source['relation']) }}
    where {{ source['where'] }} and ({{ source['users'].values() | join(' or ') }})
    {% endfor %}
),

user_flags as (
    select
        group_days.group_number,
        user_rows.user_key,
        bit_or(user_rows.flags) as flags
    from user_rows
    inner join group_days
        on
            {% for name in key -%}
            {{ 'and ' if not loop.first }}user_rows.{{ name }} is not distinct from group_days.{{ name }}
            {% endfor %}
    group by group_days.group_number, user_rows.user_key
),

-- A rolled-up row of one group has exactly its users, each once already.
rolled_users as (
    select
        group_members.rolled_number,
        user_flags.flags
    from user_flags
    inner join group_members
        on user_flags.group_number = group_members.group_number and group_members.group_count = 1
    union all
    select
        group_members.rolled_number,
        bit_or(user_flags.flags) as flags
    from user_flags
    inner join group_members
        on user_flags.group_number = group_members.group_number and group_members.group_count > 1
    group by group_members.rolled_number, user_flags.user_key
),

users_counted as (
    select
        rolled_number,
        {% for name, bit in bits.items() %}count(case when (flags & {{ bit }}) > 0 then 1 end) as {{ name }}{{ ',' if not loop.last }}
        {% endfor %}
    from rolled_users
    group by rolled_number
),

day_measures as (
    select
        {% for name in rolled_key %}rolled_sums.{{ name }},
        {% endfor -%}
        {% for name in sums %}cast(rolled_sums.{{ name }} as bigint) as {{ name }},
        {% endfor -%}
        {% for name in bits %}cast(coalesce(users_counted.{{ name }}, 0) as bigint) as {{ name }}{{ ',' if not loop.last }}
        {% endfor %}
    from rolled_sums
    left join users_counted
        on rolled_sums.rolled_number = users_counted.rolled_number
)
{%- endmacro %}
