with accounts as (
    select
        account_key,
        source_system,
        source_account
    from {{ ref('stg_loads') }}
    union
    select
        '{{ var("default_source_system") }}/{{ var("default_source_account") }}' as account_key,
        '{{ var("default_source_system") }}' as source_system,
        '{{ var("default_source_account") }}' as source_account
),

last_received as (
    select
        account_key,
        max(last_received_at) as received_at
    from {{ ref('stg_loads') }}
    where table_name in ('journey_events', 'message_events', 'user_events')
    group by account_key
),

configured as (
    select *
    from (
        values
        ('', {{ settings_row(default_settings()) }})
        {% for account, overrides in (var('account_settings') or {}).items() %}
        {% set settings = default_settings() %}{% do settings.update(overrides) %}
        , ('{{ account | replace("'", "''") }}', {{ settings_row(settings) }})
        {% endfor %}
    ) as settings (configured_account_key, {{ setting_names() | join(', ') }})
),

final as (
    select
        accounts.account_key,
        accounts.source_system,
        accounts.source_account,
        coalesce(
            cast(cast(configured.as_of as string) as timestamp),
            last_received.received_at,
            cast('2000-01-01' as timestamp)
        ) as as_of,
        cast(configured.reporting_timezone as string) as reporting_timezone,
        cast(configured.conversion_boundary as string) as conversion_boundary,
        cast(configured.bot_click_min_seconds as double) as bot_click_min_seconds,
        cast(configured.max_open_entry_seconds as double) as max_open_entry_seconds,
        cast(configured.primary_goal_id as string) as primary_goal_id,
        cast(configured.campaign_conversion_seconds as double) as campaign_conversion_seconds,
        cast(configured.override_window_anchor as string) as override_window_anchor
    from accounts
    left join last_received
        on accounts.account_key = last_received.account_key
    inner join configured
        on
            configured.configured_account_key = case
                when
                    accounts.account_key in (
                        '' {% for account in var('account_settings') or {} %}
                        , '{{ account | replace("'", "''") }}'{% endfor %}
                    )
                    then accounts.account_key
                else ''
            end
)

select * from final
