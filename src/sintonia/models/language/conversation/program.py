"""A chat template as a program that ends: compiled as transformers compiles it, with every step counted (`bounds.py`).

Text and marks are those of transformers' own rendering, which tests hold it to. No tokenizer and no message lives here.
"""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from jinja2 import Environment, nodes, pass_context, pass_eval_context
from jinja2.runtime import markup_join, str_join
from jinja2.utils import _PassArg
from jinja2.visitor import NodeTransformer

from sintonia.models.language.conversation.bounds import Bounds, Unbounded, length_of

MOST_SOURCE_CHARACTERS = 1_000_000
_STEP, _COUNTED, _JOINED = "sintonia step", "sintonia counted", "sintonia joined"
"""Names of filters that no template can write."""
_OPERATORS = frozenset({"+", "*", "**", "%"})

Found = tuple[str, list[tuple[int, int]]]
"""A text, and the parts that the template marks as generated, in characters."""


class Program:
    """One template, ready to write conversations."""

    def __init__(self, source: str) -> None:
        if len(source) > MOST_SOURCE_CHARACTERS:
            raise Unbounded(f"it is longer than {MOST_SOURCE_CHARACTERS:,} characters")
        self._num_characters, self._bounds, self._lock = len(source), Bounds(0), threading.Lock()
        self._environment = _environment()
        self._watch()
        tree = _Counted().visit(self._environment.parse(source))
        code: Any = self._environment.compile(tree)
        self._template = self._environment.template_class.from_code(
            self._environment, code, self._environment.make_globals(None)
        )

    def text(self, given: Mapping[str, Any]) -> str:
        """What the template writes of these variables.

        Raises:
            Unbounded: it would not end, or write too much.
            Exception: anything else that a template may raise.
        """
        with self._lock:
            return "".join(self._pieces(given))

    def marked(self, given: Mapping[str, Any]) -> Found:
        """What the template writes of these variables, and where it says that it was generated; raises as `text`."""
        pieces: list[str] = []
        spans: list[tuple[int, int]] = []
        environment: Any = self._environment
        with self._lock, environment.activate_tracker(pieces, spans):
            for piece in self._pieces(given):
                pieces.append(piece)
        return "".join(pieces), spans

    def _pieces(self, given: Mapping[str, Any]) -> Iterator[str]:
        self._bounds = Bounds(self._num_characters + _characters_of(given))
        num_written = 0
        for piece in self._template.generate(**given):
            num_written += len(piece)
            self._bounds.room(num_written)
            yield piece

    def _watch(self) -> None:
        """Has the environment ask before each call, operator and filter, and before anything is written."""
        environment: Any = self._environment
        environment.optimized = False  # nothing is computed while it is compiled
        environment.intercepted_binops = _OPERATORS
        operators, plain_call = environment.binop_table, environment.call

        def call_binop(context: Any, operator: str, left: Any, right: Any) -> Any:
            self._bounds.before_operator(operator, left, right)
            return operators[operator](left, right)

        def call(context: Any, function: Any, *given: Any, **named: Any) -> Any:
            owner = getattr(getattr(function, "__wrapped__", function), "__self__", None)
            values = [value for name, value in named.items() if not name.startswith("_")]
            given = tuple(map(_listed, given)) if isinstance(owner, str) else given
            name = str(getattr(function, "__name__", ""))
            self._bounds.before_call(name, owner if isinstance(owner, str) else "", (*given, *values))
            made = plain_call(context, function, *given, **named)
            return self._bounds.counted(made) if isinstance(made, dict) else self._made(made)

        environment.call_binop, environment.call = call_binop, call
        environment.finalize = pass_context(lambda context, value: self._bounds.written(value))
        environment.filters = {name: self._asking(name, one) for name, one in environment.filters.items()}
        environment.globals.pop("lipsum", None)  # Latin by the paragraph, which no conversation needs
        environment.filters |= {_STEP: _step_of(self), _COUNTED: self._counted, _JOINED: _joined_of(self)}

    def _asking(self, name: str, function: Callable[..., Any]) -> Callable[..., Any]:
        """A filter that asks first."""
        num_before = 0 if _PassArg.from_obj(function) is None else 1

        @functools.wraps(function)
        def asking(*given: Any, **named: Any) -> Any:
            listed = (*given[:num_before], *map(_listed, given[num_before:])) if name == "join" else given
            owner = listed[num_before] if len(listed) > num_before else ""
            self._bounds.before_call(name, owner, (*listed[num_before + 1 :], *named.values()))
            return self._made(function(*listed, **named))

        return asking

    def _made(self, value: Any) -> Any:
        self._bounds.room(length_of(value))
        return value

    def _counted(self, value: Any) -> Any:
        return self._bounds.counted(value)

    def _step(self, count: int) -> bool:
        self._bounds.step(count)
        return True

    def _joined(self, parts: list[Any], *, is_escaped: bool) -> str:
        """`a ~ b`."""
        texts = [part if isinstance(part, str) else str(self._bounds.counted(part)) for part in parts]
        self._bounds.room(sum(map(len, texts)))
        return markup_join(parts) if is_escaped else str_join(texts)


def _step_of(program: Program) -> Callable[..., bool]:
    return pass_context(lambda context, is_on, count: program._step(count))


def _joined_of(program: Program) -> Callable[..., str]:
    return pass_eval_context(lambda settings, parts: program._joined(parts, is_escaped=settings.autoescape))


class _Counted(NodeTransformer):
    """Puts a step into each loop and each macro, and counts lists that are made and texts that are joined."""

    def visit_For(self, node: nodes.For) -> nodes.For:
        node = self._stepping(node)
        if node.test is not None:
            node.test = nodes.And(_step(1, node), node.test).set_lineno(node.lineno)
        return node

    def visit_Macro(self, node: nodes.Macro) -> nodes.Macro:
        return self._stepping(node)

    def visit_CallBlock(self, node: nodes.CallBlock) -> nodes.CallBlock:
        return self._stepping(node)

    def visit_Concat(self, node: nodes.Concat) -> nodes.Filter:
        self.generic_visit(node)
        return _filter(nodes.List(node.nodes).set_lineno(node.lineno), _JOINED, [])

    def visit_List(self, node: nodes.List) -> nodes.Expr:
        return self._counting(node)

    def visit_Dict(self, node: nodes.Dict) -> nodes.Expr:
        return self._counting(node)

    def visit_Tuple(self, node: nodes.Tuple) -> nodes.Expr:
        return self._counting(node) if node.ctx == "load" else node

    def _stepping(self, node: Any) -> Any:
        self.generic_visit(node)
        num_written = sum(len(data.data) for data in node.find_all(nodes.TemplateData))
        step = nodes.ExprStmt(_step(1 + num_written // 100, node)).set_lineno(node.lineno)
        node.body = [step, *node.body]
        return node

    def _counting(self, node: Any) -> nodes.Expr:
        self.generic_visit(node)
        return _filter(node, _COUNTED, [])


def _step(count: int, node: nodes.Node) -> nodes.Filter:
    return _filter(nodes.Const(True).set_lineno(node.lineno), _STEP, [nodes.Const(count)])


def _filter(node: nodes.Expr, name: str, given: list[nodes.Expr]) -> nodes.Filter:
    return nodes.Filter(node, name, given, [], None, None).set_lineno(node.lineno)


def _environment() -> Environment:
    """A new environment as transformers makes one for every template."""
    from transformers.utils.chat_template_utils import _compile_jinja_template

    environment: Environment = _compile_jinja_template.__wrapped__("").environment
    return environment


def _listed(value: Any) -> Any:
    """What is counted out one by one, as a list that can be looked at before."""
    return list(value) if hasattr(value, "__next__") else value


def _characters_of(given: Any) -> int:
    """All texts within, in characters."""
    total, waiting = 0, [given]
    while waiting:
        one = waiting.pop()
        if isinstance(one, str):
            total += len(one)
        elif isinstance(one, Mapping):
            total += sum(len(name) for name in one if isinstance(name, str))
            waiting += one.values()
        elif isinstance(one, list | tuple):
            waiting += one
    return total
