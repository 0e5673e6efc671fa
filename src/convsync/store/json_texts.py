"""A text in JSON that a column holds, as SQL: the two databases write it differently."""

from typing import Any

from sqlalchemy import ColumnElement, Text, func, literal
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import GenericFunction


class _Named(GenericFunction[str]):
    """What the JSON object in a column has under a name, as text; NULL for nothing there."""

    type = Text()
    name = "json_text_named"
    inherit_cache = True


@compiles(_Named, "sqlite")
def _on_sqlite(element: _Named, compiler: SQLCompiler, **options: Any) -> str:
    column, name = (compiler.process(one, **options) for one in element.clauses)
    return f"json_extract(nullif({column}, ''), '$.\"' || {name} || '\"')"


@compiles(_Named, "postgresql")
def _on_postgresql(element: _Named, compiler: SQLCompiler, **options: Any) -> str:
    column, name = (compiler.process(one, **options) for one in element.clauses)
    return f"(nullif({column}, '')::json ->> {name})"


def filled_in(column: ColumnElement[str], name: str) -> ColumnElement[str]:
    """Return what the JSON object in a column has under a name; NULL where that is empty."""
    return func.nullif(_Named(column, literal(name)), "")
