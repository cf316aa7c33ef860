{#
    Drops the note of `make run` about the files it built last. Called by on-run-start: any dbt command may change the
    warehouse, and a note that survives it would make the next `make run` skip a build it owes.
#}
{% macro forget_last_run() %}
    {% if execute %}
        {% set note = adapter.get_relation(database=target.get("database"), schema='ops', identifier='run_state') %}
        {% if note is not none %}{% do adapter.drop_relation(note) %}{% endif %}
    {% endif %}
{% endmacro %}
