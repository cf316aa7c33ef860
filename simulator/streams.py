"""The three event streams as SQL: one relation of drawn events each, and how its columns become contract columns.

Every stream has `at_us` (when it happened), `e` (the random number of the event: late, repeated, corrected) and
`is_test`. `preliminary` is true for the first delivery of an event that is corrected later.
"""

from __future__ import annotations

from simulator.company import CLICK_TO_PURCHASE

JOURNEY_STREAM = """
    with steps as (
        select
            e.*, s.event_type, s.node_id, s.next_node_id, s.branch_label, s.reason_code, s.exit_event_name,
            s.error_code, s.error_message, e.entry_id || s.seq_text as event_id,
            e.at_us + (s.min_us + s.scale_us * e.f)::bigint as step_us, child(e.r, 1000 + s.seq) as event_r
        from entries as e inner join plan_steps as s using (plan)
        union all
        select
            e.*, 'version_migrated', null, null, null, null, null, null, null, e.entry_id || '.mig', e.migrate_us,
            child(e.r, 999)
        from entries as e
        where enters and migrate_us < coalesce(exit_us, cut_us)
    )
    select * exclude (at_us, event_r), step_us as at_us, event_r as e
    from steps
    where step_us < cut_us
"""

JOURNEY_COLUMNS = {
    "event_id": "event_id",
    "event_type": "event_type",
    "journey_id": "journey_id",
    "journey_version_id": "case when at_us >= migrate_us then next_version_id else version_id end",
    "journey_entry_id": "case when event_type <> 'qualified' then journey_entry_id end",
    "user_id": "user_id",
    "user_id_type": "case when anonymous then 'anonymous' else 'external' end",
    "node_id": "node_id",
    "next_node_id": "next_node_id",
    "branch_label": "branch_label",
    "occurred_at": "moment(at_us)",
    "is_control": "is_control",
    "control_group_type": "control_group_type",
    "variant_id": "variant_id",
    "trigger_event_id": "case when event_type = 'journey_entered' then trigger_event_id end",
    "reason_code": "case when preliminary and event_type = 'journey_exited' then 'other' else reason_code end",
    "exit_event_name": "exit_event_name",
    "error_code": "error_code",
    "error_message": "case when preliminary and event_type <> 'journey_exited' then 'provisional' "
    "else error_message end",
}

MESSAGE_STREAM = """
    select
        m.* exclude (at_us), o.* exclude (outcome), m.at_us + (o.min_us + o.scale_us * m.f)::bigint as at_us,
        child(m.r, 1000 + o.seq) as e
    from messages as m inner join outcome_events as o using (outcome)
    where m.at_us + (o.min_us + o.scale_us * m.f)::bigint < {end}
"""

MESSAGE_COLUMNS = {
    "event_id": "message_id || '.' || seq",
    "event_type": "event_type",
    "message_id": "message_id",
    "dispatch_id": "dispatch_id",
    "journey_id": "journey_id",
    "journey_version_id": "version_id",
    "journey_entry_id": "journey_entry_id",
    "node_id": "node_id",
    "campaign_id": "campaign_id",
    "variant_id": "variant_id",
    "user_id": "user_id",
    "user_id_type": "case when anonymous then 'anonymous' else 'external' end",
    "channel": "channel",
    "endpoint_id": "endpoint_id",
    "endpoint_type": "endpoint_type",
    "platform": "platform",
    "os_version": "os_version",
    "app_id": "case when platform is not null then 'shop.example' end",
    "device_model": "device_model",
    "occurred_at": "moment(at_us)",
    "reason_code": "case when preliminary and event_type = 'failed' then 'provider_error' else reason_code end",
    "provider_code": "provider_code",
    "provider_message": "case when preliminary then 'provisional' else provider_message end",
    "bounce_type": "bounce_type",
    "link_id": "case when has_link then if(r % 10 < 8, 'cta', 'logo') end",
    "link_url": "case when has_link then 'https://shop.example/' || campaign_id end",
    "button_id": "button_id",
    "user_agent": "user_agent",
    "ip": "case when user_agent is not null then '203.0.113.' || (r % 256) end",
    "is_bot": "is_bot",
    "bot_reason": "bot_reason",
    "delivery_route": "delivery_route",
    "is_test": "is_test",
    "sms_segments": "case when channel = 'sms' and event_type = 'sent' then if(r % 10 = 0, 2, 1) end",
    "cost_amount": "case when event_type = 'sent' then cost end",
    "cost_currency": "case when event_type = 'sent' and cost is not null then 'USD' end",
}

USER_STREAM = f"""
    with happened as (
        select u, 'x' || ({{base}} + u) || '-signup' as event_id, 'signup' as event_name, created_us as at_us,
            child(r, 50) as r, null as detail, null as attributed_message_id
        from people where is_new
        union all
        select people.u, 'x' || ({{base}} + u) || '-' || b.number, b.event_name,
            to_utc({{start}} + clock.cell_us + (draw(child(r, b.salt), 2) * 3600000000)::bigint, offset_us),
            child(r, b.salt), null, null
        from people
        cross join background as b
        inner join clock
            on clock.slot = least((65536 * (low + (high - low) * draw(child(r, b.salt), 1)))::integer, 65535)
        where draw(r, b.salt) < b.probability * activity
        union all
        select u, trigger_event_id, trigger_event, at_us - 2000000, child(r, 51), null, null
        from entries where trigger_event <> 'signup'
        union all
        select u, 'x' || substr(entry_id, 2) || '-exit', emits, exit_us - 1000000, child(r, 52), null, null
        from entries where emits is not null and exit_us < cut_us
        union all
        select e.u, 'x' || substr(e.entry_id, 2) || '-c' || c.number, c.event_name,
            e.at_us + (c.min_us + c.scale_us * tail(e.r, 400 + c.number))::bigint, child(e.r, 500 + c.number),
            c.detail, null
        from entries as e inner join conversions as c using (journey_id)
        where e.enters and c.is_control = e.is_control and draw(e.r, 300 + c.number) < c.probability
        union all
        select u, 'x' || substr(message_id, 2) || '-p', 'purchase',
            at_us + (click_min + click_scale * f)::bigint + (60000000 + 7200000000 * tail(r, 8))::bigint,
            child(r, 53),
            case journey_id when 'price-drop' then if(r % 10 < 7, 'shoes', null) when 'welcome' then 'welcome' end,
            message_id
        from messages where click_min is not null and draw(r, 7) < {CLICK_TO_PURCHASE}
    ),
    described as (
        select
            h.*, p.is_test, p.currency as home_currency,
            coalesce(p.link_kind is not null and h.at_us < p.identified_us, false) as anonymous,
            p.user_id as known_id, p.alias_id,
            case
                when event_name in ('purchase', 'Order Placed') then (400 + 4000 * tail(h.r, 1))::bigint
                when event_name = 'subscription_started' then if(detail = 'vip', 2999, 999)
            end as cents
        from happened as h inner join people as p using (u)
        where h.at_us < {{end}}
    )
    select *, child(r, 1000) as e, cents * 0.01::decimal(3, 2) as total from described
"""

USER_COLUMNS = {
    "event_id": "event_id",
    "event_name": "event_name",
    "user_id": "case when anonymous then alias_id else known_id end",
    "user_id_type": "case when anonymous then 'anonymous' else 'external' end",
    "occurred_at": "moment(at_us)",
    "value": "case when preliminary then total + 1 else total end",
    # A few shops forget the currency.
    "currency": "case when total is not null and draw(r, 2) >= 0.003 then home_currency end",
    "properties": """
        case
            when event_name in ('purchase', 'Order Placed') then
                '{"total":' || total || ',"items":' || (1 + r % 5) || ',"category":"'
                || case when detail = 'shoes' then 'shoes' else ['shoes', 'shirts', 'toys', 'books'][(1 + (r >> 8) % 4)::bigint] end
                || '"'
                || case
                    when detail = 'welcome' then ',"coupon":"WELCOME10"'
                    when (r >> 16) % 4 = 0 then ',"coupon":"LOYAL5"'
                    else ''
                end
                || '}'
            when event_name = 'subscription_started' then '{"plan":"' || coalesce(detail, 'basic') || '"}'
            when event_name = 'cart_abandoned' then '{"items":' || (1 + r % 5) || '}'
            when event_name = 'app_open' then '{"screen":"' || coalesce(detail, 'home') || '"}'
            else '{"method":"email"}'
        end""",
    "order_id": "case when event_name in ('purchase', 'Order Placed') then 'o' || substr(event_id, 2) end",
    "session_id": "case when preliminary then 'provisional' when event_name = 'app_open' then 's' || (r % 1000000007) end",
    "device_id": "case when event_name = 'app_open' then 'd' || substr(known_id, 2) || '-1' end",
    "attributed_message_id": "attributed_message_id",
    "is_test": "is_test",
}

STREAMS = {
    "journey_events": (JOURNEY_STREAM, JOURNEY_COLUMNS),
    "message_events": (MESSAGE_STREAM, MESSAGE_COLUMNS),
    "user_events": (USER_STREAM, USER_COLUMNS),
}
