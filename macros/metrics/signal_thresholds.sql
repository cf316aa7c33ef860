{#
    When a signal is raised: on the wrong side of `threshold`, with at least `min_sample` in the denominator.

    The vendor names the signals without numbers (NM-49 to NM-52); these are the project's own.
    low_engagement   clicked / accepted messages of a step below 2 %
    step_drop        drop-offs over entries that left or ended at a step above 30 %
    delivery         failed / attempted messages of a step above 5 %
    low_conversion   converted / entered users of a journey below 5 %
#}
{% macro signal_thresholds() %}
    {% do return({
        'signal_low_engagement': {'raised_when': 'below', 'threshold': '0.02', 'min_sample': 100},
        'signal_step_drop': {'raised_when': 'above', 'threshold': '0.30', 'min_sample': 100},
        'signal_delivery': {'raised_when': 'above', 'threshold': '0.05', 'min_sample': 100},
        'signal_low_conversion': {'raised_when': 'below', 'threshold': '0.05', 'min_sample': 100},
    }) %}
{% endmacro %}
