{#
    Chi-square test that the users of the arms of an experiment follow the planned shares.

    relation  one row per arm: keys, arm_users, planned_share (positive, any scale: divided by their sum)
    keys      the columns that name one test
    Returns a select, one row per test: keys, chi2, df (arms - 1), p_value, alarm (p_value < 0.001).
    Without users every value but df is null; so is every value of a test with a planned share of 0.
#}
{% macro sample_ratio_mismatch(relation, keys) -%}
    select
        {{ keys | join(', ') }},
        chi2,
        df,
        p_value,
        p_value < 0.001e0 as alarm
    from (
        select
            *,
            {{ chi_square_upper_tail('chi2', 'df', 'root_half_chi2') }} as p_value
        from (
            select
                *,
                sqrt(0.5e0 * chi2) as root_half_chi2
            from (
                select
                    {{ keys | join(', ') }},
                    case
                        when min(expected_users) > 0e0
                            then sum(power(arm_users - expected_users, 2) / nullif(expected_users, 0e0))
                    end as chi2,
                    count(*) - 1 as df
                from (
                    select
                        {{ keys | join(', ') }},
                        cast(arm_users as double) as arm_users,
                        cast(planned_share as double)
                        * sum(cast(arm_users as double)) over (partition by {{ keys | join(', ') }})
                        / sum(cast(nullif(planned_share, 0) as double))
                            over (partition by {{ keys | join(', ') }}) as expected_users
                    from {{ relation }}
                ) as arms
                group by {{ keys | join(', ') }}
            ) as tests
        ) as rooted
    ) as tested
{%- endmacro %}
