-- Nothing is lost on the way in: every row of the files this run loaded, counted again without the models, is staged.
-- A returned row is a table whose staged rows differ from its files; a file that grew since it was loaded differs too.
with staged as (
    select
        table_name,
        sum(raw_rows) as staged_rows
    from {{ ref('stg_loads') }}
    where source_file in (select changed.source_file from {{ changed_files() }} as changed)
    group by table_name
),

counted as (
    select *
    from (
        values
        {% for table in contract_tables() %}
        ('{{ table }}', {{ landing_row_count(table) }}){{ ',' if not loop.last }}
        {% endfor %}
    ) as counted (table_name, file_rows)
)

select
    counted.table_name,
    counted.file_rows,
    coalesce(staged.staged_rows, 0) as staged_rows
from counted
left join staged
    on counted.table_name = staged.table_name
where counted.file_rows <> coalesce(staged.staged_rows, 0)
