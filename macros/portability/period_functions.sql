{#
    Period functions: every mart with a period filter has a twin that takes any range of days and any journeys,
    versions, categories, statuses and accounts, and counts them exactly, because it is the mart's own SQL over
    filtered facts.

        select * from marts.mart_channel_stats_between('2026-07-01', '2026-07-31', journey_ids := ['welcome'])

    create_period_function()    post-hook of every model: creates the twin of the models in period_models()
    between(model, from_day, to_day, journey_ids, journey_version_ids, categories, statuses, account_keys)
                                the call as a relation: select * from {{ '{{' }} between('mart_goal_stats', ...) {{ '}}' }}
#}
{% macro period_models() %}
    {% do return([
        'int_journey_period_measures', 'mart_journey_overview', 'mart_goal_stats', 'mart_channel_stats',
        'mart_message_stats', 'mart_delivery_issues', 'mart_engagement_stats', 'mart_journey_statistics',
        'mart_pw_communications', 'export_pw_campaigns', 'export_pw_goal', 'export_pw_channel', 'export_pw_point',
        'export_ct_engagement_stats', 'export_user_level'
    ]) %}
{% endmacro %}


{# Facts and dimensions that the filters narrow: name -> expression of the version a row belongs to, none without one. #}
{% macro period_scopes() %}
    {% do return({
        'dim_goal': none,
        'dim_journey': none,
        'dim_journey_version': 'journey_version_id',
        'dim_node': 'journey_version_id',
        'fct_attribution_credit': 'journey_version_id',
        'fct_conversions': 'journey_version_id',
        'fct_journey_entries': 'journey_version_id',
        'fct_message_events': 'journey_version_id',
        'fct_messages': 'journey_version_id',
        'fct_node_visits': 'journey_version_id',
        'stg_journey_events': "coalesce(journey_version_id, 'unknown')",
        'stg_nodes': 'journey_version_id',
    }) %}
{% endmacro %}


{% macro period_filters() %}
    {% do return(['journey_ids', 'journey_version_ids', 'categories', 'statuses', 'account_keys']) %}
{% endmacro %}


{% macro create_period_function() %}
    {% if execute and model.name in period_models() %}
        {{- return(adapter.dispatch('create_period_function', 'journeys')()) -}}
    {% endif %}
{% endmacro %}

{% macro default__create_period_function() %}
    {{ exceptions.raise_compiler_error("create_period_function is not implemented for " ~ target.type) }}
{% endmacro %}

{% macro duckdb__create_period_function() %}
    {#- Without the name of the database the function works in a copied or renamed file. -#}
    {%- set query = namespace(sql=sql.replace('"' ~ this.database ~ '".', '')) -%}
    {%- for node in graph.nodes.values() if node.unique_id in model.depends_on.nodes and node.resource_type == 'model' -%}
        {%- set quoted = '"' ~ node.schema ~ '"."' ~ node.alias ~ '"' -%}
        {%- set name = node.schema ~ '.' ~ node.alias -%}
        {%- if node.name == 'dim_period' -%}
            {%- set query.sql = query.sql.replace(quoted, table_function_period(name)) -%}
        {%- elif node.name in period_models() -%}
            {%- set arguments = ['from_day', 'to_day'] -%}
            {%- for filter in period_filters() -%}{%- do arguments.append(filter ~ ' := ' ~ filter) -%}{%- endfor -%}
            {%- set query.sql = query.sql.replace(quoted, name ~ '_between(' ~ arguments | join(', ') ~ ')') -%}
        {%- elif node.name in period_scopes() -%}
            {%- set query.sql = query.sql.replace(quoted, table_function_rows(name, period_scopes()[node.name])) -%}
        {%- endif -%}
    {%- endfor -%}
    create or replace macro {{ this.schema }}.{{ this.identifier }}_between(
        from_day, to_day, {% for filter in period_filters() %}{{ filter }} := null{{ ', ' if not loop.last }}{% endfor %}
    ) as table (
        {{ query.sql }}
    )
{% endmacro %}

{# Spark has no functions of this kind that outlive a session in every catalog: a period of one's own is a custom_periods entry. #}
{% macro spark__create_period_function() %}{% endmacro %}

{# The only period inside a twin: the range of the call; a null day leaves its end open. #}
{% macro table_function_period(dim_period) -%}
    (
        select distinct
            account_key,
            case
                when from_day is null and to_day is null then 'all_time'
                else coalesce(cast(cast(from_day as date) as varchar), '') || '..'
                    || coalesce(cast(cast(to_day as date) as varchar), '')
            end as period_id,
            coalesce(cast(from_day as date), date '1970-01-01') as period_from,
            coalesce(cast(to_day as date), date '2999-12-31') as period_to,
            reporting_timezone
        from {{ dim_period }}
    )
{%- endmacro %}

{% macro table_function_rows(relation, version) -%}
    (
        select *
        from {{ relation }} as scoped
        where
            (account_keys is null or list_contains(account_keys, account_key))
            and (journey_ids is null or list_contains(journey_ids, journey_id))
            {% if version %}and (journey_version_ids is null or list_contains(journey_version_ids, {{ version }})){% endif %}
            and (
                (categories is null and statuses is null)
                or (account_key, journey_id) in (
                    select (journeys.account_key, journeys.journey_id)
                    from marts.dim_journey as journeys
                    where
                        (categories is null or list_contains(categories, journeys.category))
                        and (statuses is null or list_contains(statuses, journeys.journey_status))
                )
            )
    )
{%- endmacro %}


{% macro between(
    model, from_day, to_day, journey_ids=none, journey_version_ids=none, categories=none, statuses=none, account_keys=none
) %}
    {{- return(adapter.dispatch('between', 'journeys')(model, from_day, to_day, {
        'journey_ids': journey_ids, 'journey_version_ids': journey_version_ids, 'categories': categories,
        'statuses': statuses, 'account_keys': account_keys
    })) -}}
{% endmacro %}

{% macro default__between(model, from_day, to_day, filters) %}
    {{ exceptions.raise_compiler_error("between is not implemented for " ~ target.type) }}
{% endmacro %}

{% macro duckdb__between(model, from_day, to_day, filters) -%}
    {%- if model not in period_models() -%}
        {{ exceptions.raise_compiler_error(
            "between: " ~ model ~ " has no period filter. These have one: " ~ period_models() | join(', ') ~ "."
        ) }}
    {%- endif -%}
    marts.{{ model }}_between(
        '{{ from_day }}', '{{ to_day }}'
        {%- for name, values in filters.items() if values is not none -%}
        , {{ name }} := [{% for value in values %}'{{ value | replace("'", "''") }}'{{ ', ' if not loop.last }}{% endfor %}]
        {%- endfor -%}
    )
{%- endmacro %}

{% macro spark__between(model, from_day, to_day, filters) -%}
    {{ exceptions.raise_compiler_error(
        "between: there are no period functions on Spark. Add the period to the setting custom_periods."
    ) }}
{%- endmacro %}
