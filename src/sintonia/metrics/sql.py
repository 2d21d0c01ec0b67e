"""Whether a text is SQL, in any dialect, by its grammar alone. It knows no tables and runs nothing.

The grammar is sqlglot's, without a dialect. SQLite's own parser is stricter, but refuses what other databases
write (`::`, `ILIKE`, `MERGE`, `TRUNCATE`); sqlglot, made to translate, lets more pass than any database does, and what
it forgives most often is refused here: empty lists, commas with nothing behind them, prose that reads like a query.
"""

from __future__ import annotations

import logging
from functools import cache
from typing import Any


def is_sql(text: str) -> bool:
    """Whether the text is one or more statements that query or change data or tables."""
    import sqlglot
    from sqlglot.errors import SqlglotError

    _silence()
    try:
        if not _reads_like_sql([_kind(token) for token in sqlglot.tokenize(text)]):
            return False
        trees = [tree for tree in sqlglot.parse(text) if tree is not None]
        return bool(trees) and all(_is_statement(tree) for tree in trees)
    except (SqlglotError, RecursionError, ValueError):
        return False


@cache
def _silence() -> None:
    """What sqlglot cannot parse it would log, and with it what the model wrote."""
    logging.getLogger("sqlglot").setLevel(logging.CRITICAL + 1)


def _kind(token: Any) -> str:
    """The kind of a word; `GROUP` and `ORDER` without their `BY` would be names to sqlglot."""
    kind, word = str(token.token_type.name), token.text.upper()
    return word if kind == "VAR" and word in ("GROUP", "ORDER") else kind


_FIRST, _AFTER_NO_COMMA, _BEFORE_NO_COMMA, _NEVER_LAST = (
    frozenset(kinds.split())
    for kinds in (
        "SELECT WITH L_PAREN VALUES INSERT UPDATE DELETE MERGE CREATE DROP ALTER TRUNCATE GRANT",
        "SELECT DISTINCT L_PAREN COMMA FROM WHERE GROUP_BY ORDER_BY HAVING SET VALUES BY ON",
        "FROM WHERE GROUP_BY ORDER_BY HAVING LIMIT UNION INTERSECT EXCEPT R_PAREN SEMICOLON END_OF_TEXT JOIN ON SET",
        "ALIAS SELECT DISTINCT FROM WHERE GROUP ORDER GROUP_BY ORDER_BY HAVING JOIN ON AND OR NOT COMMA IN SET EQ LIKE",
    )
)


def _reads_like_sql(tokens: list[str]) -> bool:
    """No statement begins like prose or ends in the middle, and no comma lacks what it parts."""
    pairs = list(zip(tokens, [*tokens[1:], "END_OF_TEXT"], strict=True))
    starts = tokens[:1] + [after for before, after in pairs if before == "SEMICOLON"]
    if not set(starts) <= {*_FIRST, "SEMICOLON", "END_OF_TEXT"}:
        return False
    ends = {before for before, after in pairs if after in ("SEMICOLON", "END_OF_TEXT", "R_PAREN")}
    is_dangling = any(
        (after == "COMMA" and before in _AFTER_NO_COMMA) or (before == "COMMA" and after in _BEFORE_NO_COMMA)
        for before, after in pairs
    )
    return not is_dangling and not ends & _NEVER_LAST


def _is_statement(tree: Any) -> bool:
    """A statement that was understood (`Command` is what sqlglot was not sure of), without empty lists."""
    from sqlglot import exp

    known = (exp.Query, exp.Values, exp.DML, exp.DDL, exp.Drop, exp.Alter, exp.Merge, exp.TruncateTable, exp.Grant)
    if not isinstance(tree, known) or isinstance(tree, exp.Table):
        return False
    return all(_is_filled(node) for node in tree.find_all(exp.Select, exp.Group, exp.Update, exp.Insert))


def _is_filled(node: Any) -> bool:
    """A query selects something, a group is by something, an update sets and an insert puts in something."""
    from sqlglot import exp

    if isinstance(node, exp.Group):
        return any(part for name, part in node.args.items() if name != "comments")
    if isinstance(node, exp.Insert):
        return bool(node.args.get("expression") or node.args.get("default"))
    if isinstance(node, exp.Update) and not all(isinstance(one, exp.EQ) for one in node.expressions):
        return False
    return isinstance(node.parent, exp.When) or bool(node.expressions)
