{#
    The message measures, defined once for every mart.

    message_measure_ctes(dimensions, sets, where, by_period, users)
        CTEs ending in `message_measures`: one row per account_key and dimensions, with every base measure.
        by_period adds `message_groups`: the groups that ever had a message (columns <dimension>_group).
        dimensions      list of (name, expression over `messages`, i.e. fct_messages)
        sets            list of lists of dimension names; a dimension left out of a set becomes 'ALL'
        where           optional filter over `messages`; control messages are always left out (R10)
        by_period       true: also one row per period of dim_period and date_basis (R19). A message belongs to the
                        period of its send date. Its engagements belong to the period they happened in (basis
                        event) or to the period of the send (basis send_cohort).
        users           false: leaves out distinct users and devices, the costly part, for a mart that shows none
    message_measure_columns(relation)
        base measures (0 where the group has no message) and every rate built on them.
#}
{# Additive over messages: (measure, value per message). #}
{% macro message_sums() %}
    {% do return([
        ('messages_attempted', 'case when messages.is_attempted then 1 else 0 end'),
        ('messages_failed', 'case when messages.is_failed then 1 else 0 end'),
        ('messages_accepted', 'case when messages.is_accepted then 1 else 0 end'),
        ('messages_skipped', 'case when messages.is_skipped then 1 else 0 end'),
        ('send_attempt_events', 'messages.send_attempt_events'),
        ('messages_delivered', 'case when messages.is_delivered then 1 else 0 end'),
        ('messages_delivered_inferred', 'case when messages.is_delivered_inferred then 1 else 0 end'),
        ('messages_bounced_hard', 'case when messages.is_bounced_hard then 1 else 0 end'),
        ('messages_bounced_soft', 'case when messages.is_bounced_soft then 1 else 0 end'),
        ('impressions_total', 'messages.impressions_total'),
        ('messages_impressed', 'case when messages.impressions_total > 0 then 1 else 0 end'),
        ('opens_total', 'messages.opens_total'),
        ('messages_opened', 'case when messages.opens_total > 0 then 1 else 0 end'),
        ('opens_total_human', 'messages.opens_total_human'),
        ('messages_opened_human', 'case when messages.opens_total_human > 0 then 1 else 0 end'),
        ('clicks_total', 'messages.clicks_total'),
        ('messages_clicked', 'case when messages.clicks_total > 0 then 1 else 0 end'),
        ('clicks_total_human', 'messages.clicks_total_human'),
        ('messages_clicked_human', 'case when messages.clicks_total_human > 0 then 1 else 0 end'),
        ('messages_read', 'case when messages.reads_total > 0 then 1 else 0 end'),
        ('replies_total', 'messages.replies_total'),
        ('messages_replied', 'case when messages.replies_total > 0 then 1 else 0 end'),
        ('dismissals_total', 'messages.dismissals_total'),
        ('delivery_issue_messages', 'case when messages.issue_kind is not null then 1 else 0 end'),
        ('issues_platform', "case when messages.issue_class = 'platform' then 1 else 0 end"),
        ('issues_recipient', "case when messages.issue_class = 'recipient' then 1 else 0 end"),
        ('issues_policy', "case when messages.issue_class = 'policy' then 1 else 0 end"),
        ('issues_content', "case when messages.issue_class = 'content' then 1 else 0 end"),
        ('ct_errors_technical',
            "case when messages.issue_kind in ('failed', 'skipped') and messages.ct_is_technical then 1 else 0 end"),
        ('ct_errors_non_technical',
            "case when messages.issue_kind in ('failed', 'skipped') and not messages.ct_is_technical then 1 else 0 end"),
        ('pw_sending_error_messages',
            "case when messages.issue_class <> 'policy' then 1 else 0 end"),
    ]) %}
{% endmacro %}


{# Per user and group: whether the user has any of these. #}
{% macro message_user_flags() %}
    {% set flags = [
        ('has_accepted', 'messages_accepted'),
        ('has_delivered', 'messages_delivered'),
        ('has_issue', 'delivery_issue_messages'),
        ('has_sending_error', 'pw_sending_error_messages'),
    ] %}
    {% for name in engagement_columns() %}{% do flags.append(('has_' ~ name, 'user_' ~ name)) %}{% endfor %}
    {% do flags.append(('is_accepted_endpoint', 'endpoint')) %}
    {% do return(flags) %}
{% endmacro %}


{# Endpoints are counted like users: this flag is their only one. #}
{% macro endpoint_flag() %}
    {% do return(2 ** (message_user_flags() | length - 1)) %}
{% endmacro %}


{# How many periods' flags fit in the 63 bits of a number. #}
{% macro blocked_periods() %}
    {% do return(63 // message_user_flags() | length) %}
{% endmacro %}


{# Distinct users: (measure, condition over the flags of a user). #}
{% macro message_users() %}
    {% do return([
        ('users_accepted', 'has_accepted'),
        ('users_delivered', 'has_delivered'),
        ('delivery_issue_users', 'has_issue'),
        ('pw_sending_error_users', 'has_sending_error'),
        ('users_impressed', 'has_impressions'),
        ('users_opened', 'has_opens'),
        ('users_opened_human', 'has_opens_human'),
        ('users_clicked', 'has_clicks'),
        ('users_clicked_human', 'has_clicks_human'),
        ('users_read', 'has_reads'),
        ('users_replied', 'has_replies'),
        ('users_unsubscribed', 'has_unsubscribes'),
        ('users_complained', 'has_complaints'),
        ('users_skipped_in_app', 'has_dismissals and not has_clicks'),
        ('users_no_interaction', 'has_impressions and not has_clicks'),
        ('devices_accepted', 'is_accepted_endpoint'),
    ]) %}
{% endmacro %}


{% macro engagement_columns() %}
    {% do return([
        'impressions', 'opens', 'opens_human', 'clicks', 'clicks_human', 'reads', 'replies', 'dismissals',
        'unsubscribes', 'complaints'
    ]) %}
{% endmacro %}


{# Message sums that count engagements: measure -> its value from the engagements of one message. #}
{% macro message_engagement_sums() %}
    {% do return({
        'impressions_total': 'sum(impressions)',
        'messages_impressed': 'case when sum(impressions) > 0 then 1 else 0 end',
        'opens_total': 'sum(opens)',
        'messages_opened': 'case when sum(opens) > 0 then 1 else 0 end',
        'opens_total_human': 'sum(opens_human)',
        'messages_opened_human': 'case when sum(opens_human) > 0 then 1 else 0 end',
        'clicks_total': 'sum(clicks)',
        'messages_clicked': 'case when sum(clicks) > 0 then 1 else 0 end',
        'clicks_total_human': 'sum(clicks_human)',
        'messages_clicked_human': 'case when sum(clicks_human) > 0 then 1 else 0 end',
        'messages_read': 'case when sum(reads) > 0 then 1 else 0 end',
        'replies_total': 'sum(replies)',
        'messages_replied': 'case when sum(replies) > 0 then 1 else 0 end',
        'dismissals_total': 'sum(dismissals)',
    }) %}
{% endmacro %}


{% macro message_measure_ctes(dimensions, sets, where='true', by_period=false, users=true) -%}
{%- set names = dimensions | map(attribute=0) | list -%}
{%- set is_rolled_up = sets | length > 1 or sets[0] | length < names | length -%}
{%- set period_key = ['period_number'] if by_period else [] -%}
{%- set block_key = ['period_block'] if by_period else [] -%}
-- Sums by day first: a period adds days, not messages.
group_days as (
    select
        messages.account_key,
        {% for name, expression in dimensions %}{{ expression }} as {{ name }},
        {% endfor -%}
        messages.message_date,
        {% for name, expression in message_sums() %}sum({{ expression }}) as {{ name }}{{ ',' if not loop.last }}
        {% endfor %}
    from {{ ref('fct_messages') }} as messages
    where not messages.is_control and {{ where }}
    group by
        messages.account_key, {% for name, expression in dimensions %}{{ expression }}, {% endfor %}messages.message_date
),

-- Numbers stand for groups, periods and flags from here on: texts are compared once per message, not once per sum.
finest_groups as (
    select
        account_key,
        {{ names | join(', ') }},
        row_number() over (order by account_key, {{ names | join(', ') }}) as group_number
    from (select distinct account_key, {{ names | join(', ') }} from group_days) as combinations
),

rolled_combinations as (
    {% for columns in sets -%}
    {{ 'union all' if not loop.first }}
    select
        group_number,
        account_key,
        {{ loop.index }} as set_number
        {%- for name in names %},
        {% if name in columns %}{{ name }}{% else %}'ALL'{% endif %} as {{ name }}
        {%- endfor %}
    from finest_groups
    {% endfor %}
),

group_members as (
    select
        group_number,
        account_key,
        {% for name in names %}{{ name }},
        {% endfor -%}
        dense_rank() over (order by set_number, account_key, {{ names | join(', ') }}) as rolled_number
    from rolled_combinations
),

-- A group of one channel has the same messages as that channel of it: groups of the same messages are counted once.
rolled_groups as (
    select
        rolled_number,
        account_key,
        {% for name in names %}{{ name }}_group,
        {% endfor -%}
        min(rolled_number) over (
            partition by account_key, {% for name in names %}only_{{ name }}{{ ', ' if not loop.last }}{% endfor %}
        ) as counted_number
    from (
        select
            group_members.rolled_number,
            group_members.account_key
            {%- for name in names %},
            group_members.{{ name }} as {{ name }}_group,
            case when min(finest_groups.{{ name }}) = max(finest_groups.{{ name }}) then min(finest_groups.{{ name }}) end
                as only_{{ name }}
            {%- endfor %}
        from group_members
        inner join finest_groups
            on group_members.group_number = finest_groups.group_number
        group by
            group_members.rolled_number, group_members.account_key,
            {% for name in names %}group_members.{{ name }}{{ ', ' if not loop.last }}{% endfor %}
    ) as spans
),

counted_members as (
    select
        group_members.group_number,
        group_members.rolled_number as counted_number
    from group_members
    inner join rolled_groups
        on group_members.rolled_number = rolled_groups.rolled_number
    where rolled_groups.rolled_number = rolled_groups.counted_number
),

scoped_messages as (
    select
        messages.account_key,
        finest_groups.group_number,
        messages.message_id,
        messages.message_date,
        messages.user_key,
        case when messages.is_accepted then messages.endpoint_id end as accepted_endpoint_id,
        {{ message_flag_mask('message') }} as flags
    from {{ ref('fct_messages') }} as messages
    inner join finest_groups
        on
            messages.account_key = finest_groups.account_key
            {% for name, expression in dimensions %}and {{ expression }} = finest_groups.{{ name }}
            {% endfor %}
    where not messages.is_control and {{ where }}
),

scoped_engagements as (
    select
        engagements.account_key,
        scoped_messages.group_number,
        engagements.message_id,
        scoped_messages.message_date,
        engagements.event_date,
        engagements.user_key,
        {% for name in engagement_columns() %}engagements.{{ name }},
        {% endfor -%}
        {{ message_flag_mask('engagement') }} as flags
    from {{ ref('int_message_engagements') }} as engagements
    inner join scoped_messages
        on
            engagements.account_key = scoped_messages.account_key
            and engagements.message_id = scoped_messages.message_id
),

{% if by_period -%}
-- Without a range both bases are the same, so all time is counted once and shown under both at the end.
numbered_periods as (
    select
        account_key,
        period_id,
        period_from,
        period_to,
        counted_basis,
        row_number() over (order by account_key, period_from, period_id, counted_basis) as period_number
    from (
        select
            account_key,
            period_id,
            period_from,
            period_to,
            'both' as counted_basis
        from {{ ref('dim_period') }}
        where period_id = 'all_time'
        {% for basis in ['event', 'send_cohort'] -%}
        union all
        select
            account_key,
            period_id,
            period_from,
            period_to,
            '{{ basis }}' as counted_basis
        from {{ ref('dim_period') }}
        where period_id <> 'all_time'
        {% endfor -%}
    ) as periods
),

-- The flags of a user in {{ blocked_periods() }} periods fit in one number: each period of a block has its own bits.
counted_periods as (
    select
        numbered_periods.*,
        cast(floor((period_number - 1) / {{ blocked_periods() }}) as int) as period_block,
        case (period_number - 1) % {{ blocked_periods() }}
            {% for place in range(blocked_periods()) -%}
            when {{ place }} then {{ 2 ** (place * message_user_flags() | length) }}
            {% endfor %}
        end as lowest_bit
    from numbered_periods
),

-- Which periods a day falls in is asked once per day, not once per message: flags times these bits are flags by period.
counted_days as (
    select
        periods.account_key,
        days.counted_date,
        periods.period_block,
        cast(sum(case when periods.counted_basis = 'event' then periods.lowest_bit else 0 end) as bigint) as event_bits,
        cast(sum(case when periods.counted_basis = 'event' then 0 else periods.lowest_bit end) as bigint) as cohort_bits
    from counted_periods as periods
    inner join (
        select account_key, message_date as counted_date from group_days
        union
        select account_key, event_date as counted_date from {{ ref('int_message_engagements') }}
    ) as days
        on
            periods.account_key = days.account_key
            and (
                periods.counted_basis = 'both'
                or days.counted_date between periods.period_from and periods.period_to
            )
    group by periods.account_key, days.counted_date, periods.period_block
),

-- Every group that ever had a message has a row in every period, with 0 where the period holds nothing of it.
message_groups as (
    select * from rolled_groups
),

shown_bases as (
    select
        counted_basis,
        date_basis
    from (
        values ('both', 'event'), ('both', 'send_cohort'), ('event', 'event'), ('send_cohort', 'send_cohort')
    ) as shown_bases (counted_basis, date_basis)
),

{% endif -%}
group_sums as (
    select
        finest_groups.group_number,
        {% for name in period_key %}periods.{{ name }},
        {% endfor -%}
        {% for name, expression in message_sums() -%}
        {% if by_period and name in message_engagement_sums() -%}
        sum(case when periods.counted_basis = 'event' then 0 else group_days.{{ name }} end) as {{ name }}
        {%- else -%}
        sum(group_days.{{ name }}) as {{ name }}
        {%- endif -%}
        {{ ',' if not loop.last }}
        {% endfor %}
    from group_days
    inner join finest_groups
        on
            group_days.account_key = finest_groups.account_key
            {% for name in names %}and group_days.{{ name }} = finest_groups.{{ name }}
            {% endfor -%}
    {% if by_period -%}
    inner join counted_periods as periods
        on
            group_days.account_key = periods.account_key
            and (
                periods.counted_basis = 'both'
                or group_days.message_date between periods.period_from and periods.period_to
            )
    {% endif -%}
    group by finest_groups.group_number{% if by_period %}, periods.period_number{% endif %}
    {% if by_period -%}
    union all
    select
        group_number,
        period_number,
        {% for name, expression in message_sums() -%}
        {% if name in message_engagement_sums() %}sum({{ name }}){% else %}0{% endif %} as {{ name }}{{ ',' if not loop.last }}
        {% endfor %}
    from (
        select
            group_number,
            period_number,
            {% for name, expression in message_engagement_sums().items() %}{{ expression }} as {{ name }}{{ ',' if not loop.last }}
            {% endfor %}
        from scoped_engagements
        inner join counted_periods as periods
            on
                scoped_engagements.account_key = periods.account_key
                and periods.counted_basis = 'event'
                and scoped_engagements.event_date between periods.period_from and periods.period_to
        group by group_number, period_number, message_id
    ) as engaged_messages
    group by group_number, period_number
    {%- endif %}
),

message_totals as (
    select
        counted_members.counted_number,
        {% for name in period_key %}group_sums.{{ name }},
        {% endfor -%}
        {% for name, expression in message_sums() %}sum(group_sums.{{ name }}) as {{ name }}{{ ',' if not loop.last }}
        {% endfor %}
    from group_sums
    inner join counted_members
        on group_sums.group_number = counted_members.group_number
    group by counted_members.counted_number{% if by_period %}, group_sums.period_number{% endif %}
),

{% if users -%}
{#- (ids to count, whether they are endpoints, rows, day, bits of the day, flags) #}
{%- set sources = [
    ('user_key', 'false', 'scoped_messages', 'message_date', 'event_bits + days.cohort_bits', 'flags'),
    ('accepted_endpoint_id', 'true', 'scoped_messages', 'message_date', 'event_bits + days.cohort_bits', endpoint_flag()),
    ('user_key', 'false', 'scoped_engagements', 'message_date', 'cohort_bits', 'flags'),
] -%}
{%- if by_period -%}
    {%- do sources.append(('user_key', 'false', 'scoped_engagements', 'event_date', 'event_bits', 'flags')) -%}
{%- endif -%}
message_user_rows as (
    {% for id, is_endpoint, relation, day, bits, flags in sources -%}
    {{ 'union all' if not loop.first }}
    select
        scoped.group_number,
        {% if by_period %}days.period_block,
        {% endif -%}
        {{ is_endpoint }} as is_endpoint,
        scoped.{{ id }} as counted_id,
        {{ flags }}{% if by_period %} * (days.{{ bits }}){% endif %} as flags
    from {{ relation }} as scoped
    {% if by_period -%}
    inner join counted_days as days
        on scoped.account_key = days.account_key and scoped.{{ day }} = days.counted_date and days.{{ bits }} > 0
    {% endif -%}
    where {{ 'scoped.flags > 0' if flags == 'flags' else 'scoped.' ~ id ~ ' is not null' }}
    {% endfor %}
),

-- One row per finest group and user or endpoint: every rolled-up row is counted from these, not from the messages.
message_user_flags as (
    select
        {{ (['group_number'] + block_key) | join(', ') }},
        is_endpoint,
        counted_id,
        bit_or(flags) as flags
    from message_user_rows
    group by {{ (['group_number'] + block_key) | join(', ') }}, is_endpoint, counted_id
),

message_users_flagged as (
    select
        counted_members.counted_number,
        {% for name in block_key %}message_user_flags.{{ name }},
        {% endfor -%}
        {% if is_rolled_up %}bit_or(message_user_flags.flags){% else %}message_user_flags.flags{% endif %} as flags
    from message_user_flags
    inner join counted_members
        on message_user_flags.group_number = counted_members.group_number
    {% if is_rolled_up -%}
    group by
        counted_members.counted_number, {% if by_period %}message_user_flags.period_block, {% endif -%}
        message_user_flags.is_endpoint, message_user_flags.counted_id
    {%- endif %}
),

message_flags_counted as (
    select
        {{ (['counted_number'] + block_key) | join(', ') }},
        flags,
        count(*) as users
    from message_users_flagged
    group by {{ (['counted_number'] + block_key) | join(', ') }}, flags
),

message_users_counted as (
    select
        counted.counted_number,
        {% for name in period_key %}periods.{{ name }},
        {% endfor -%}
        {% set lowest_bit = 'periods.lowest_bit' if by_period else '1' -%}
        {% for name, condition in message_users() -%}
        sum(case when {{ flag_condition(condition, lowest_bit) }} then counted.users else 0 end) as {{ name }}{{ ',' if not loop.last }}
        {% endfor %}
    from message_flags_counted as counted
    {% if by_period -%}
    inner join counted_periods as periods
        on counted.period_block = periods.period_block
    {% endif -%}
    group by counted.counted_number{% if by_period %}, periods.period_number{% endif %}
),

{% endif -%}
message_measures as (
    select
        rolled_groups.account_key,
        {% if by_period %}periods.period_id,
        shown_bases.date_basis,
        {% endif -%}
        {% for name in names %}rolled_groups.{{ name }}_group as {{ name }},
        {% endfor -%}
        {% for name, expression in message_sums() %}message_totals.{{ name }}{{ ',' if users or not loop.last }}
        {% endfor -%}
        {% for name, condition in message_users() if users -%}
        coalesce(message_users_counted.{{ name }}, 0) as {{ name }}{{ ',' if not loop.last }}
        {% endfor %}
    from message_totals
    inner join rolled_groups
        on message_totals.counted_number = rolled_groups.counted_number
    {% if by_period -%}
    inner join counted_periods as periods
        on message_totals.period_number = periods.period_number
    inner join shown_bases
        on periods.counted_basis = shown_bases.counted_basis
    {% endif -%}
    {% if users -%}
    left join message_users_counted
        on
            message_totals.counted_number = message_users_counted.counted_number
            {% for name in period_key %}and message_totals.{{ name }} = message_users_counted.{{ name }}
            {% endfor %}
    {%- endif %}
)
{%- endmacro %}


{# Number with one bit per flag of message_user_flags(): those of a row of `messages`, or of a row of `engagements`. #}
{% macro message_flag_mask(source) -%}
    {%- set expressions = {} -%}
    {%- for name, expression in message_sums() -%}{%- do expressions.update({name: expression}) -%}{%- endfor -%}
    {%- set bits = [] -%}
    {%- for flag, measure in message_user_flags() -%}
        {%- if source == 'message' and measure in expressions -%}
            {%- do bits.append('case when ' ~ expressions[measure] ~ ' > 0 then ' ~ 2 ** loop.index0 ~ ' else 0 end') -%}
        {%- elif source == 'engagement' and measure.startswith('user_') -%}
            {%- do bits.append('case when engagements.' ~ measure[5:] ~ ' > 0 then ' ~ 2 ** loop.index0 ~ ' else 0 end') -%}
        {%- endif -%}
    {%- endfor -%}
    {{ bits | join(' + ') }}
{%- endmacro %}


{# A condition over flags, such as 'has_dismissals and not has_clicks', over their bits in the column flags.
    lowest_bit      the first of them: 1, or that of the row's period #}
{% macro flag_condition(condition, lowest_bit) -%}
    {%- set bits = {} -%}
    {%- for flag, measure in message_user_flags() -%}{%- do bits.update({flag: 2 ** loop.index0}) -%}{%- endfor -%}
    {%- set words = [] -%}
    {%- for word in condition.split(' ') -%}
        {%- do words.append('(flags & (' ~ bits[word] ~ ' * ' ~ lowest_bit ~ ')) > 0' if word in bits else word) -%}
    {%- endfor -%}
    {{ words | join(' ') }}
{%- endmacro %}


{# 'ALL' where the grouping set leaves the dimension out. #}
{% macro all_when_rolled_up(name) -%}
    case when grouping({{ name }}) = 1 then 'ALL' else {{ name }} end
{%- endmacro %}


{% macro message_base_measures(users=true) %}
    {% set names = [] %}
    {% for name, expression in message_sums() + (message_users() if users else []) %}{% do names.append(name) %}{% endfor %}
    {% do return(names) %}
{% endmacro %}


{# Base measures, aliases and rates: (name, expression over the base measures). #}
{% macro message_derived_measures(channel="'ALL'") %}
    {% do return([
        ('interactions_total', 'clicks_total', 'bigint'),
        ('users_interacted', 'users_clicked', 'bigint'),
        ('ct_errors', 'messages_failed + messages_skipped', 'bigint'),
        ('pw_sent', 'messages_attempted', 'bigint'),
        ('pw_recipients', 'messages_accepted', 'bigint'),
        ('nm_sent', 'messages_accepted', 'bigint'),
        ('ct_sent', 'messages_accepted', 'bigint'),
        ('pw_open_rate', rate('messages_opened', 'messages_accepted'), 'double'),
        ('pw_unique_open_rate', rate('users_opened', 'messages_accepted'), 'double'),
        ('user_open_rate', rate('users_opened', 'users_accepted'), 'double'),
        ('user_click_rate', rate('users_clicked', 'users_accepted'), 'double'),
        ('user_delivery_rate', rate('users_delivered', 'users_accepted'), 'double'),
        ('pw_delivery_rate', rate(
            'messages_delivered',
            "case when " ~ channel ~ " = 'sms' then messages_attempted else messages_accepted end"), 'double'),
        ('delivered_over_accepted_rate', rate('messages_delivered', 'messages_accepted'), 'double'),
        ('pw_unique_delivery_rate', rate('users_delivered', 'messages_accepted'), 'double'),
        ('pw_click_rate', rate('users_clicked', 'messages_accepted'), 'double'),
        ('pw_click_rate_link_clicks', rate('clicks_total', 'messages_accepted'), 'double'),
        ('pw_unsubscribe_rate', rate('users_unsubscribed', 'messages_accepted'), 'double'),
        ('pw_complaint_rate', rate('users_complained', 'messages_accepted'), 'double'),
        ('pw_hard_bounce_rate', rate('messages_bounced_hard', 'messages_accepted'), 'double'),
        ('pw_soft_bounce_rate', rate('messages_bounced_soft', 'messages_accepted'), 'double'),
        ('pw_read_rate', rate('messages_read', 'messages_accepted'), 'double'),
        ('pw_interaction_rate', rate('clicks_total', 'impressions_total'), 'double'),
        ('user_interaction_rate', rate('users_clicked', 'users_impressed'), 'double'),
        ('ct_impressions_pct', pct('messages_impressed', 'messages_accepted'), 'double'),
        ('ct_clicks_pct', pct('messages_clicked', 'messages_accepted'), 'double'),
        ('ct_ctr_pct', pct('messages_clicked', 'messages_impressed'), 'double'),
    ]) %}
{% endmacro %}


{#
    Select list of every message measure over the columns of `relation` (missing group: 0, rates null).
    channel: expression of the row's channel. The vendor's SMS tab divides its delivery rate by attempted (A26), so only the
    channel mart gives it; every other row divides by accepted.
#}
{% macro message_measure_columns(channel="'ALL'") -%}
    {% for name in message_base_measures() %}cast({{ name }} as bigint) as {{ name }},
    {% endfor -%}
    {% for name, expression, type in message_derived_measures(channel) %}cast({{ expression }} as {{ type }}) as {{ name }}{{ ',' if not loop.last }}
    {% endfor %}
{%- endmacro %}


{# Base measures with 0 for a group without messages; users as in message_measure_ctes. #}
{% macro message_measures_or_zero(relation, users=true) -%}
    {% for name in message_base_measures(users) %}coalesce({{ relation }}.{{ name }}, 0) as {{ name }}{{ ',' if not loop.last }}
    {% endfor %}
{%- endmacro %}
