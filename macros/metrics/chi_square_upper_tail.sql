{#
    P(chi-square with df degrees of freedom >= chi2), for whole df from 1 to 30; null for any other df.

    Exact finite sums with h = chi2 / 2: for even df e^-h * sum of h^k / k! (k < df / 2), for odd df
    erfc(sqrt(h)) + e^-h * sum of h^(k - 1/2) / gamma(k + 1/2) (1 <= k <= (df - 1) / 2).
    Pass columns: chi2, df, and root_half_chi2 = sqrt(chi2 / 2).
#}
{% macro chi_square_upper_tail(chi2, df, root_half_chi2) -%}
    case
        when {{ df }} not between 1 and 30 then null
        when {{ df }} % 2 = 0 then exp(-0.5e0 * {{ chi2 }}) * (
            1e0
            {%- set factorial = namespace(value=1.0) -%}
            {%- for k in range(1, 15) -%}
                {%- set factorial.value = factorial.value * k %}
            + case
                when {{ df }} > {{ 2 * k }}
                    then power(0.5e0 * {{ chi2 }}, {{ k }}) / {{ '%.17e' % factorial.value }}
                else 0e0
            end
            {%- endfor %}
        )
        else {{ complementary_error_function(root_half_chi2) }} + exp(-0.5e0 * {{ chi2 }}) * (
            0e0
            {%- set gamma = namespace(value=1.7724538509055160273) -%}
            {%- for k in range(1, 15) -%}
                {%- set gamma.value = gamma.value * (k - 0.5) %}
            + case
                when {{ df }} > {{ 2 * k }}
                    then power({{ root_half_chi2 }}, {{ 2 * k - 1 }}) / {{ '%.17e' % gamma.value }}
                else 0e0
            end
            {%- endfor %}
        )
    end
{%- endmacro %}
