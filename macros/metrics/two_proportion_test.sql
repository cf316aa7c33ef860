{#
    Compare the conversion of a target group with that of a control group.

    relation  has the columns target_users, target_converted, control_users, control_converted
    keys      its columns to keep, one row of the result per row of the relation
    Returns a select: keys, p_target, p_control, uplift_abs (their difference), uplift_rel (over p_control),
    z (pooled two-proportion), p_value_two_sided, wald_low, wald_high (unpooled, 95 %), newcombe_low,
    newcombe_high (Wilson hybrid, 95 %), incremental_conversions (converted - users * p_control, of target).
    A value whose denominator is 0 is null, and so is a proportion above 1 with everything built on it.
#}
{% macro two_proportion_test(relation, keys) -%}
    {%- set quantile = '1.959963984540054e0' -%}
    select
        {{ keys | join(', ') }},
        p_target,
        p_control,
        uplift_abs,
        uplift_abs / nullif(p_control, 0e0) as uplift_rel,
        z,
        {{ complementary_error_function('tail_argument') }} as p_value_two_sided,
        uplift_abs - {{ quantile }} * standard_error as wald_low,
        uplift_abs + {{ quantile }} * standard_error as wald_high,
        uplift_abs - sqrt(power(p_target - wilson_low_target, 2) + power(wilson_high_control - p_control, 2))
            as newcombe_low,
        uplift_abs + sqrt(power(wilson_high_target - p_target, 2) + power(p_control - wilson_low_control, 2))
            as newcombe_high,
        target_converted - target_users * p_control as incremental_conversions
    from (
        select
            *,
            abs(z) / sqrt(2e0) as tail_argument
        from (
            select
                *,
                p_target - p_control as uplift_abs,
                (p_target - p_control) / nullif(
                    sqrt(
                        p_pooled * (1e0 - p_pooled)
                        * (1e0 / nullif(target_users, 0e0) + 1e0 / nullif(control_users, 0e0))
                    ), 0e0
                ) as z,
                sqrt(
                    p_target * (1e0 - p_target) / nullif(target_users, 0e0)
                    + p_control * (1e0 - p_control) / nullif(control_users, 0e0)
                ) as standard_error,
                {{ wilson_bound('p_target', 'target_users', '-', quantile) }} as wilson_low_target,
                {{ wilson_bound('p_target', 'target_users', '+', quantile) }} as wilson_high_target,
                {{ wilson_bound('p_control', 'control_users', '-', quantile) }} as wilson_low_control,
                {{ wilson_bound('p_control', 'control_users', '+', quantile) }} as wilson_high_control
            from (
                select
                    *,
                    case
                        when target_converted <= target_users
                            then target_converted / nullif(target_users, 0e0)
                    end as p_target,
                    case
                        when control_converted <= control_users
                            then control_converted / nullif(control_users, 0e0)
                    end as p_control,
                    case
                        when target_converted <= target_users and control_converted <= control_users
                            then (target_converted + control_converted)
                                / nullif(target_users + control_users, 0e0)
                    end as p_pooled
                from (
                    select
                        {{ keys | join(', ') }},
                        cast(target_users as double) as target_users,
                        cast(target_converted as double) as target_converted,
                        cast(control_users as double) as control_users,
                        cast(control_converted as double) as control_converted
                    from {{ relation }}
                ) as counts
            ) as proportions
        ) as deviations
    ) as tested
{%- endmacro %}


{# Lower (sign '-') or upper (sign '+') Wilson score bound of a proportion of n. #}
{% macro wilson_bound(proportion, n, sign, quantile) -%}
    (
        {{ proportion }} + {{ quantile }} * {{ quantile }} / (2e0 * nullif({{ n }}, 0e0))
        {{ sign }} {{ quantile }} * sqrt(
            {{ proportion }} * (1e0 - {{ proportion }}) / nullif({{ n }}, 0e0)
            + {{ quantile }} * {{ quantile }} / (4e0 * nullif({{ n }}, 0e0) * nullif({{ n }}, 0e0))
        )
    ) / (1e0 + {{ quantile }} * {{ quantile }} / nullif({{ n }}, 0e0))
{%- endmacro %}
