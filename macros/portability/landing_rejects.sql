{# insert_malformed_rows(table, relation): post-hook that adds the lines the scan of `relation` could not read as rows. #}
{% macro insert_malformed_rows(table, relation) %}
    {{- return(adapter.dispatch('insert_malformed_rows', 'journeys')(table, relation)) -}}
{% endmacro %}

{% macro default__insert_malformed_rows(table, relation) %}
    {{ exceptions.raise_compiler_error("insert_malformed_rows is not implemented for " ~ target.type) }}
{% endmacro %}

{% macro duckdb__insert_malformed_rows(table, relation) %}
    {% set rejects = duckdb_rejects(table) if execute else [] %}
    {% if not rejects %}{% do return('') %}{% endif %}
    {% set contract = contract_tables()[table]['columns'] %}
    {% set envelope = landing_raw_columns(table)[contract | length:] | map(attribute=0) | list %}
    {% set insert -%}
        insert into {{ relation }} (
            account_key, {{ envelope | join(', ') }}, source_file, reject_reason, rejected_row
        )
        with {{ duckdb_landing_files_cte(landing_files(table), 'files') }},

        malformed as ({{ duckdb_malformed_lines(rejects) }}),

        staged as (
            select
                files.*,
                {%- for name, type, rule in landing_raw_columns(table) %}
                cast(null as {{ 'string' if type == 'json' else type }}) as {{ name }},
                {%- endfor %}
                malformed.csv_line
            from malformed
            inner join files
                on malformed.file_path = files.landing__path
        )

        select
            {{ landing_account_key() }},
            {%- for name in envelope %}
            {{ landing_default(table, name) }},
            {%- endfor %}
            landing__name,
            'malformed_row',
            cast(to_json(csv_line) as varchar)
        from staged
    {%- endset %}
    {% do return(insert) %}
{% endmacro %}


{# The model's own scan reads every line, and rejects those that are no rows. #}
{% macro spark__insert_malformed_rows(table, relation) %}{% do return('') %}{% endmacro %}
