"""The queries of the documentation run on the demo warehouse and find rows."""

from __future__ import annotations

import re

import pytest

from orchestration.build import PROJECT_ROOT

PAGES = [PROJECT_ROOT / "README.md", *sorted((PROJECT_ROOT / "docs").glob("*.md"))]
SQL_BLOCK = re.compile(r"```sql\n(.*?)```", re.DOTALL)
QUERIES = [
    pytest.param(query.strip(), id=f"{page.name}-{number}")
    for page in PAGES
    for number, block in enumerate(SQL_BLOCK.findall(page.read_text(encoding="utf-8")))
    for query in block.split(";\n")
    if query.strip()
]


@pytest.mark.parametrize("query", QUERIES)
def test_a_query_of_the_documentation_finds_rows(demo, query):
    _, connection = demo
    assert connection.execute(query).fetchall()


def test_the_walk_to_the_raw_rows_finds_every_converted_user(demo):
    _, connection = demo
    page = (PROJECT_ROOT / "docs" / "lineage.md").read_text(encoding="utf-8")
    number, rows = re.search(r"## Converted users\n\n```sql\n(.*?);\n\n(.*?);\n```", page, re.DOTALL).groups()
    (converted_users,) = connection.execute(number).fetchone()
    users = {user_key for user_key, *_ in connection.execute(rows).fetchall()}
    assert len(users) == converted_users > 0


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_link_of_a_page_leads_to_a_file(page):
    targets = re.findall(r"\]\((?!https?:|#)([^)#]+)", page.read_text(encoding="utf-8"))
    assert [target for target in targets if not (page.parent / target).exists()] == []
