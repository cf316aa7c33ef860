-- The last day of every daily series beside its own history: the 28 days before, the same weekday where all four are there.
--   daily   series, date_day, value, base (messages behind a rate; null when the value itself counts)
-- Returns series, date_day, observed, usual (median), history_days, share_of_usual, and robust_z: the distance from the
-- usual in spreads. The spread is the robust deviation of the earlier days (1.4826 * MAD, of all weekdays or of this
-- one, whichever is greater), and never less than the sampling error or a tenth of the usual. Without 3 earlier days to compare with, the figures are null: nothing to judge.
with daily as (
    {{ daily }}
),

latest as (
    select
        series,
        date_day,
        value,
        base
    from daily
    qualify date_day = max(date_day) over (partition by series) and date_day >= max(date_day) over () - 6
),

pairs as (
    select
        latest.series,
        past.value,
        past.base,
        (latest.date_day - past.date_day) % 7 as weekday_distance,
        count(*) filter (where (latest.date_day - past.date_day) % 7 = 0) over (partition by latest.series) >= 4
            as is_by_weekday
    from latest
    inner join daily as past
        on latest.series = past.series and past.date_day between latest.date_day - 28 and latest.date_day - 1
),

slotted as (
    select
        *,
        case when is_by_weekday then weekday_distance else 0 end as slot
    from pairs
),

deviating as (
    select
        *,
        abs(value - median(value) over (partition by series, slot)) as deviation
    from slotted
),

histories as (
    select
        series,
        median(value) filter (where slot = 0) as usual,
        count(*) filter (where slot = 0) as history_days,
        1.4826 * greatest(median(deviation), median(deviation) filter (where slot = 0)) as spread,
        (sum(value * base) + 1) / (sum(base) + 2) as pooled_rate
    from deviating
    group by series
)

select
    latest.series,
    latest.date_day,
    latest.value as observed,
    coalesce(histories.history_days, 0) as history_days,
    case when histories.history_days >= 3 then histories.usual end as usual,
    case when histories.history_days >= 3 then latest.value / nullif(histories.usual, 0) end as share_of_usual,
    case
        when histories.history_days >= 3
            then
                (latest.value - histories.usual) / greatest(
                    histories.spread,
                    0.1 * histories.usual,
                    case
                        when latest.base is null then sqrt(greatest(histories.usual, 1))
                        else sqrt(histories.pooled_rate * (1 - histories.pooled_rate) / latest.base)
                    end
                )
    end as robust_z
from latest
left join histories
    on latest.series = histories.series
order by latest.series
