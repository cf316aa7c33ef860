{#
    When an entry without an exit event ends by the clock (R5, F5), null while it does not; joined beside it must be
    `journeys` and `settings`.

    stopped_at(entries)   the journey was stopped
    stale_at(entries)     the entry was open for max_open_entry_seconds
#}
{% macro stopped_at(entries) -%}
    case
        when journeys.stopped_at <= settings.as_of then greatest(journeys.stopped_at, {{ entries }}.entered_at)
    end
{%- endmacro %}


{% macro stale_at(entries) -%}
    case
        when
            {{ epoch_us(entries ~ '.entered_at') }} + settings.max_open_entry_seconds * 1000000
            <= {{ epoch_us('settings.as_of') }}
            then {{ timestamp_from_us(
                'cast(' ~ epoch_us(entries ~ '.entered_at') ~ ' + settings.max_open_entry_seconds * 1000000 as bigint)'
            ) }}
    end
{%- endmacro %}
