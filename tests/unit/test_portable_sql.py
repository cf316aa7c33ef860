"""Models and macros use only the SQL that DuckDB and Spark share; the rest lives in macros/portability/.

The checker drops comments, reads SQL outside Jinja blocks, and the texts written inside Jinja blocks (they
become SQL). Names of macros called inside Jinja blocks are left out: calling `epoch_us()` as a macro is fine.
"""

from __future__ import annotations

import re
from pathlib import Path

import dbt.include.global_project
import pytest
from dbt_common.clients.jinja import get_environment
from jinja2 import nodes
from jinja2.defaults import DEFAULT_NAMESPACE

ROOT = Path(__file__).resolve().parents[2]
PORTABILITY = ROOT / "macros" / "portability"
SQL_FOLDERS = ("models", "macros", "tests/dbt")

# Functions and words of one engine: name -> (pattern, planted example). Read in SQL and in Jinja texts.
ENGINE_WORDS = {
    "approx_quantile": (r"\bapprox_quantile\s*\(", "select approx_quantile(a, 0.5) from t"),
    "arg_max / arg_min": (r"\barg_(max|min)\s*\(", "select arg_min(a, b) from t"),
    "array_agg with order by": (
        r"\barray_agg\s*\((?:[^()]|\([^()]*\))*\border\s+by\b",
        "select array_agg(abs(a) order by b) from t",
    ),
    "array_join": (r"\barray_join\s*\(", "select array_join(a, ',') from t"),
    "array_to_string": (r"\barray_to_string\s*\(", "select array_to_string(a, ',') from t"),
    "asof join": (r"\basof\b", "select a from t asof join u on t.a >= u.a"),
    "at time zone": (r"\bat\s+time\s+zone\b", "select a at time zone 'UTC' from t"),
    "clock of the machine": (
        r"\b(now\s*\(|current_timestamp\b|current_date\b|get_current_timestamp\s*\()",
        "select a from t where a > now()",
    ),
    "collect_list / collect_set": (r"\bcollect_(list|set)\s*\(", "select collect_list(a) from t"),
    "columns()": (r"\bcolumns\s*\(", "select columns('a.*') from t"),
    "date_add / date_sub": (r"\bdate_(add|sub)\s*\(", "select date_add(a, 1) from t"),
    "date_diff / datediff": (r"\bdate_?diff\s*\(", "select date_diff('day', a, b) from t"),
    "date_format / strftime": (r"\b(date_format|strftime)\s*\(", "select strftime(a, '%Y') from t"),
    "dayofweek / isodow": (r"\b(dayofweek|isodow|weekday)\b", "select extract(isodow from a) from t"),
    "epoch": (r"\bepoch(_us|_ms|_ns)?\s*\(", "select epoch_us(a) from t"),
    "exclude": (r"\*\s*exclude\b", "select * exclude (a) from t"),
    "explode": (r"\b(pos)?explode(_outer)?\s*\(", "select posexplode(a) from t"),
    "extract epoch": (r"\bextract\s*\(\s*epoch\b", "select extract(epoch from a) from t"),
    "from_utc_timestamp": (r"\b(from|to)_utc_timestamp\s*\(", "select from_utc_timestamp(a, 'UTC') from t"),
    "generate_series": (r"\bgenerate_(series|subscripts)\s*\(", "select a from generate_series(1, 3)"),
    "get_json_object": (r"\bget_json_object\s*\(", "select get_json_object(a, '$.b') from t"),
    "hash": (r"\b(xx)?hash(64)?\s*\(", "select hash(a) from t"),
    "ignore nulls": (r"\bignore\s+nulls\b", "select last_value(a ignore nulls) over (order by b) from t"),
    "json functions": (
        r"\b(json_\w+|to_json|from_json|schema_of_json)\s*\(",
        "select json_extract_string(a, '$.b') from t",
    ),
    "json type": (r"\bas\s+json\b", "select cast(a as json) from t"),
    "lambda": (r"\blambda\b", "select f(a, lambda x: x + 1) from t"),
    "lateral view": (r"\blateral\s+view\b", "select a from t lateral view f(b) as c"),
    "list": (r"\blist\s*\(", "select list(a) from t"),
    "list functions": (r"\blist_\w+\s*\(", "select list_sort(a) from t"),
    "listagg with order by": (
        r"\blistagg\s*\((?:[^()]|\([^()]*\))*\border\s+by\b",
        "select listagg(a, ',' order by b) from t",
    ),
    "make_timestamp": (r"\b(try_)?make_timestamp(_ns)?\s*\(", "select make_timestamp(a) from t"),
    "named_struct": (r"\b(named_struct|struct)\s*\(", "select named_struct('a', b) from t"),
    "positional join": (r"\bpositional\s+join\b", "select a from t positional join u"),
    "qualify": (r"\bqualify\b", "select a from t qualify row_number() over (order by a) = 1"),
    "quantile_cont": (r"\bquantile(_cont|_disc)?\s*\(", "select quantile_cont(a, 0.5) from t"),
    "read functions": (
        r"\b(read_(csv|parquet|json|text|blob)\w*|parquet_\w+|glob)\s*\(",
        "select a from read_csv_auto('a.csv')",
    ),
    "regexp_matches": (
        r"\b(regexp_(matches|full_match)\s*\(|rlike\b)",
        "select regexp_matches(a, 'b') from t",
    ),
    "replace columns": (r"\*\s*replace\s*\(", "select * replace (a + 1 as a) from t"),
    "sequence": (r"\bsequence\s*\(", "select sequence(1, 3) from t"),
    "sha256 / sha2": (r"\bsha(256|2)\s*\(", "select sha256(a) from t"),
    "starts_with": (
        r"\b(starts_with|startswith|ends_with|endswith)\s*\(",
        "select starts_with(a, 'b') from t",
    ),
    "string_agg with order by": (
        r"\bstring_agg\s*\((?:[^()]|\([^()]*\))*\border\s+by\b",
        "select string_agg(a, ',' order by b) from t",
    ),
    "strpos": (r"\bstrpos\s*\(", "select strpos(a, 'b') from t"),
    "strptime": (r"\b(try_)?strptime\s*\(", "select try_strptime(a, '%Y') from t"),
    "struct_pack": (r"\bstruct_(pack|extract|insert)\s*\(", "select struct_pack(a := b) from t"),
    "timestamp_micros": (
        r"\b(unix_micros|timestamp_(micros|millis|seconds))\s*\(",
        "select timestamp_micros(a) from t",
    ),
    "timestamptz": (
        r"\b(timestamptz|timestamp_ntz|timestamp\s+with\s+time\s+zone)\b",
        "select cast(a as timestamptz) from t",
    ),
    "timezone": (r"\btimezone\s*\(", "select timezone('UTC', a) from t"),
    "to_timestamp": (
        r"\b(to_timestamp|from_unixtime|unix_timestamp)\s*\(",
        "select to_timestamp(a) from t",
    ),
    "types of one engine": (
        r"\b(hugeint|ubigint|uinteger|usmallint|utinyint|float8|int8|int4)\b",
        "select cast(a as hugeint) from t",
    ),
    "unnest": (r"\bunnest\s*\(", "select unnest(a) from t"),
    "varchar": (r"\bvarchar\b", "select cast(a as varchar) from t"),
}

# Signs of one engine. Read in SQL only, because Jinja uses the same signs for itself.
ENGINE_SIGNS = {
    "arrow": (r"->", "select a ->> 'b' from t"),
    "backtick": (r"`", "select `a` from t"),
    "brackets (lists, subscripts)": (r"\[", "select a[1] from t"),
    "braces (structs, maps)": (r"\{", "select {'a': b} from t"),
    "double colon cast": (r"::", "select a::date from t"),
    "integer division": (r"//", "select a // 2 from t"),
    "null-safe equal": (r"<=>", "select a <=> b from t"),
    "power sign": (r"\^|\*\*", "select a ^ 2 from t"),
    "regular expression sign": (r"(?<!\S)!?~(?!\S)", "select a ~ 'b' from t"),
}

# Choosing by engine is the business of macros/portability/. Read in the whole file without comments.
ENGINE_CHOICES = {
    "adapter.dispatch": (r"\badapter\.dispatch\b", "{{ adapter.dispatch('f', 'journeys')(a) }}"),
    "body for one engine": (
        r"\b(duckdb|spark|default)__\w+",
        "{% macro duckdb__f(a) %}{{ a }}{% endmacro %}",
    ),
    "target.type": (r"\btarget\.type\b", "{% if target.type == 'duckdb' %}select 1{% endif %}"),
}

VENDORS = (
    "airship",
    "appier",
    "braze",
    "clevertap",
    r"customer\.?io",
    "insider",
    "iterable",
    "klaviyo",
    "leanplum",
    "moengage",
    "netmera",
    "onesignal",
    "pushwoosh",
    "sfmc",
    "webengage",
)

JINJA_BLOCK = re.compile(r"\{\{.*?\}\}|\{%.*?%\}", re.DOTALL)
JINJA_TEXT = re.compile(r'"((?:[^"\\]|\\.)*)"|' + r"'((?:[^'\\]|\\.)*)'", re.DOTALL)


def without_comments(sql: str) -> str:
    """The file without Jinja and SQL comments; line breaks stay, so that line numbers stay right."""

    def blank(match: re.Match) -> str:
        return "\n" * match[0].count("\n")

    sql = re.sub(r"\{#.*?#\}", blank, sql, flags=re.DOTALL)
    sql = re.sub(r"/\*.*?\*/", blank, sql, flags=re.DOTALL)
    return re.sub(r"--[^\n]*", "", sql)


def sql_part(text: str) -> str:
    """What stands outside Jinja blocks, without the content of SQL texts."""
    text = JINJA_BLOCK.sub(lambda match: " jinja " + "\n" * match[0].count("\n"), text)
    return re.sub(r"'[^']*'", lambda match: "''" + "\n" * match[0].count("\n"), text)


def jinja_part(text: str) -> str:
    """The texts written inside Jinja blocks, each at its line."""

    def only_texts(block: str) -> str:
        kept, position = [], 0
        for match in JINJA_TEXT.finditer(block):
            kept.append("\n" * block[position : match.start()].count("\n"))
            kept.append(f" {match[1] or match[2] or ''} ")
            position = match.end()
        return "".join(kept) + "\n" * block[position:].count("\n")

    kept, position = [], 0
    for match in JINJA_BLOCK.finditer(text):
        kept.append("\n" * text[position : match.start()].count("\n"))
        kept.append(only_texts(match[0]))
        position = match.end()
    return "".join(kept)


def matches(rules: dict[str, tuple[str, str]], text: str) -> list[tuple[int, str]]:
    """(line, rule) of every match in `text`."""
    return [
        (text.count("\n", 0, match.start()) + 1, rule)
        for rule, (pattern, _) in rules.items()
        for match in re.finditer(pattern, text, re.IGNORECASE)
    ]


def engine_leaks(sql: str) -> list[tuple[int, str]]:
    """(line, rule) of everything in a model or macro that belongs into macros/portability/."""
    text = without_comments(sql)
    outside, inside = sql_part(text), jinja_part(text)
    return sorted(
        matches(ENGINE_WORDS, outside)
        + matches(ENGINE_SIGNS, outside)
        + matches(ENGINE_WORDS, inside)
        + matches(ENGINE_CHOICES, text)
    )


def vendor_leaks(sql: str) -> list[tuple[int, str]]:
    """(line, vendor) of every vendor name in a file; Jinja's test `is iterable` is no vendor."""
    text = re.sub(r"\bis\s+(not\s+)?iterable\b", "", sql)
    # An underscore is part of a name, so braze_events must be found too.
    return sorted(matches({vendor: (rf"(?<![a-z]){vendor}(?![a-z])", "") for vendor in VENDORS}, text))


def sql_files() -> list[Path]:
    """Every SQL file outside macros/portability/."""
    return sorted(
        path
        for folder in SQL_FOLDERS
        for path in (ROOT / folder).rglob("*.sql")
        if not path.is_relative_to(PORTABILITY)
    )


def is_vendor_folder(path: Path) -> bool:
    """True below models/staging/<vendor>/ or macros/staging/<vendor>/."""
    folders = path.relative_to(ROOT).parts[2:-1]
    return any(re.match(vendor, folder) for folder in folders for vendor in VENDORS)


def listed(leaks: list[tuple[Path, int, str]]) -> str:
    """One line per leak."""
    return "\n".join(f"{path.relative_to(ROOT)}:{line}: {rule}" for path, line, rule in leaks)


def test_there_is_sql_to_check() -> None:
    assert len(sql_files()) > 20


def test_no_engine_specific_sql_outside_macros_portability() -> None:
    leaks = [(path, line, rule) for path in sql_files() for line, rule in engine_leaks(path.read_text())]
    assert not leaks, listed(leaks)


def test_no_vendor_name_outside_the_vendors_own_folder() -> None:
    leaks = [
        (path, line, vendor)
        for path in [*sql_files(), *sorted(PORTABILITY.rglob("*.sql"))]
        if not is_vendor_folder(path)
        for line, vendor in vendor_leaks(path.read_text())
    ]
    assert not leaks, listed(leaks)


# Spark's bodies of macros that dbt itself dispatches.
DBT_MACROS = {"load_csv_rows"}


def test_every_dispatched_macro_has_a_body_for_each_engine_and_says_when_one_is_missing() -> None:
    text = "\n".join(path.read_text() for path in sorted(PORTABILITY.rglob("*.sql")))
    bodies = {
        engine: set(re.findall(rf"macro {engine}__(\w+)", text)) for engine in ("duckdb", "spark", "default")
    }
    assert bodies["duckdb"], "no dispatched macro was found"
    assert bodies["duckdb"] == bodies["default"]
    assert bodies["duckdb"] == bodies["spark"] - DBT_MACROS


# What dbt lets every macro call, beside the macros of dbt and its adapters.
DBT_FUNCTIONS = {
    "config",
    "env_var",
    "fromjson",
    "local_md5",
    "log",
    "print",
    "ref",
    "return",
    "tojson",
    "var",
}


def macros_of(folder: Path) -> set[str]:
    """Names of the macros that the SQL files below a folder define."""
    text = "\n".join(path.read_text() for path in folder.rglob("*.sql"))
    return set(re.findall(r"\{%-?\s*macro\s+(\w+)", text))


def calls_of_nothing(sql: str, known: set[str]) -> list[tuple[int, str]]:
    """(line, name) of every call of a name that is not among the known ones."""
    calls = get_environment(None).parse(sql).find_all(nodes.Call)
    return [
        (call.lineno, call.node.name)
        for call in calls
        if isinstance(call.node, nodes.Name) and call.node.name not in known
    ]


def known_calls() -> set[str]:
    """Everything that a model or macro may call by its name."""
    packages = Path(dbt.include.global_project.__file__).parents[1]
    return macros_of(ROOT / "macros") | macros_of(packages) | DBT_FUNCTIONS | set(DEFAULT_NAMESPACE)


# dbt says it only when it reaches the call, and it reaches the body of one engine on that engine alone.
def test_models_and_macros_call_only_macros_that_exist() -> None:
    known = known_calls()
    leaks = [
        (path, line, name)
        for folder in SQL_FOLDERS
        for path in sorted((ROOT / folder).rglob("*.sql"))
        for line, name in calls_of_nothing(path.read_text(), known)
    ]
    assert not leaks, listed(leaks)


def test_checker_catches_a_call_of_a_macro_that_does_not_exist() -> None:
    planted = "{% macro spark__f(a) %}\n{{ json_txt(a) }}{% endmacro %}"
    assert calls_of_nothing(planted, known_calls()) == [(2, "json_txt")]


ALL_RULES = ENGINE_WORDS | ENGINE_SIGNS | ENGINE_CHOICES


@pytest.mark.parametrize("rule", ALL_RULES)
def test_checker_catches_a_planted(rule: str) -> None:
    planted = "select 1 as a\nfrom t\n" + ALL_RULES[rule][1]
    assert (3, rule) in engine_leaks(planted)


@pytest.mark.parametrize("rule", ENGINE_WORDS)
def test_checker_catches_a_text_in_jinja_with(rule: str) -> None:
    planted = '{% set columns = [] %}\n{% do columns.append("' + ENGINE_WORDS[rule][1] + '") %}'
    assert (2, rule) in engine_leaks(planted)


@pytest.mark.parametrize(
    "vendor", ["select a from braze_events", "-- as Pushwoosh counts it", "'customer.io' as source_system"]
)
def test_checker_catches_a_vendor_name_in(vendor: str) -> None:
    assert vendor_leaks(vendor)


@pytest.mark.parametrize(
    "shared",
    [
        "select {{ epoch_us('a') }} as a_us from t",
        "{% for name, type in columns[0] %}{{ name }},{% endfor %}",
        "{% set half = count // 2 %}",
        "-- unnest(a) would be shorter",
        "{# arg_max(a, b) on one engine #}",
        "select 'a -> b' as label from t",
        "select max_by(a, b), percentile_cont(0.5) within group (order by a) from t",
        "select cast(a as string), try_cast(b as timestamp), count(*) * 2 from t",
        "select pw_sent, ct_sent, nm_sent from t",
        "select list_id, hash_key, epoch from t",
    ],
)
def test_checker_lets_shared_sql_pass(shared: str) -> None:
    assert engine_leaks(shared) == []
    assert vendor_leaks(shared) == []
