"""The schema as the database itself describes it, to be compared and read.

`python -m tests.schema` writes `store/schema.sql` anew.
"""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import LiteralString

import psycopg

from zhongshu.link.embedded import Embedded
from zhongshu.store import wall
from zhongshu.store.db import Tx
from zhongshu.store.migrate import migrate

PATH = Path(__file__).parents[1] / "src/zhongshu/store/schema.sql"

#: What there is to say, and the question that answers it: one thing a row.
QUESTIONS: Mapping[str, LiteralString] = {
    "sequences": """
        select format('%I as %s start %s by %s', sequencename, data_type, start_value, increment_by)
        from pg_sequences where schemaname = 'public' order by sequencename
    """,
    "columns": """
        select format('%I.%I %s%s%s', c.relname, a.attname, format_type(a.atttypid, a.atttypmod),
            case when a.attnotnull then ' not null' else '' end,
            case when a.attidentity <> '' then ' identity ' || a.attidentity::text
                when a.attgenerated <> '' then ' generated ' || pg_get_expr(d.adbin, d.adrelid)
                when d.oid is not null then ' default ' || pg_get_expr(d.adbin, d.adrelid)
                else '' end)
        from pg_class c
        join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
        left join pg_attrdef d on d.adrelid = c.oid and d.adnum = a.attnum
        where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p')
        order by c.relname, a.attnum
    """,
    "constraints": """
        select format('%s: %s %s', conrelid::regclass, conname, pg_get_constraintdef(oid))
        from pg_constraint where connamespace = 'public'::regnamespace and contype <> 'n'
        order by 1
    """,
    "indexes": "select indexdef from pg_indexes where schemaname = 'public' order by indexname",
    "views": """
        select format('%I: %s', viewname, definition) from pg_views
        where schemaname = 'public' order by viewname
    """,
    "triggers (O: they fire)": """
        select format('%s %s', tgenabled, pg_get_triggerdef(oid)) from pg_trigger
        where not tgisinternal order by pg_get_triggerdef(oid)
    """,
    "functions": """
        select pg_get_functiondef(oid) from pg_proc
        where pronamespace = 'public'::regnamespace order by proname, oid
    """,
    "row-level security": """
        select format('%I enabled %s forced %s', relname, relrowsecurity, relforcerowsecurity)
        from pg_class where relnamespace = 'public'::regnamespace and relrowsecurity
        union all
        select format('%I: %I %s %s to %s using (%s) check (%s)',
            tablename, policyname, permissive, cmd,
            array_replace(roles, current_user::name, 'the hub'), qual, with_check)
        from pg_policies where schemaname = 'public' order by 1
    """,
}


def described(connection: Tx) -> str:
    """Return the schema of a database, one thing a line."""
    parts = ["-- What the migrations add up to. Written by “make schema”; a test compares."]
    for title, question in QUESTIONS.items():
        parts += ["", f"-- {title}"]
        parts += [str(row[0]) for row in connection.execute(question)]
    return "\n".join(parts) + "\n"


def main() -> None:
    with tempfile.TemporaryDirectory(prefix="zhongshu-schema-") as made:
        Path(made).chmod(0o755)
        with (
            Embedded(Path(made)) as server,
            psycopg.connect(server.url, autocommit=True) as connection,
        ):
            migrate(connection)
            wall.build(connection)
            PATH.write_text(described(connection), encoding="utf-8")


if __name__ == "__main__":
    main()
