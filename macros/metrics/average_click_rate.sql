{#
    Click-through rates by channel and their two averages, which differ whenever the channels differ in size.

    relation  one row per channel: keys, channel, accepted, clicked (null = the channel tracks no clicks)
    keys      the columns that name one report
    Returns a select, one row per channel: keys, channel, ctr (clicked / accepted), avg_ctr_unweighted (mean
    of the rates), avg_ctr_pooled (all clicked / all accepted). Both averages leave out the channels without
    tracking or without sends.
#}
{% macro average_click_rate(relation, keys) -%}
    select
        {{ keys | join(', ') }},
        channel,
        ctr,
        -- Decimals add up to the same sum in any order.
        cast(sum(cast(ctr as decimal(38, 15))) over (partition by {{ keys | join(', ') }}) as double)
        / nullif(count(ctr) over (partition by {{ keys | join(', ') }}), 0) as avg_ctr_unweighted,
        sum(case when ctr is not null then clicked end) over (partition by {{ keys | join(', ') }})
        / sum(case when ctr is not null then accepted end) over (partition by {{ keys | join(', ') }})
            as avg_ctr_pooled
    from (
        select
            {{ keys | join(', ') }},
            channel,
            cast(accepted as double) as accepted,
            cast(clicked as double) as clicked,
            cast(clicked as double) / nullif(cast(accepted as double), 0e0) as ctr
        from {{ relation }}
    ) as channels
{%- endmacro %}
