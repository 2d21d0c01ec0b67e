"""JSON Schemas of declared formats: read, checked before anything is trained, and asked. Nothing is fetched."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from sintonia.errors import UsageError

_NAMED = 3
"""References that cannot be followed, told at once."""


def fits_schema(path: str, matches: Callable[[str, str], bool]) -> Callable[[Any], bool]:
    """Whether a JSON value fits the schema in a file; `matches` says whether a pattern occurs in a text.

    Raises:
        UsageError: the file cannot be read, is no JSON Schema, or refers to something outside itself.
    """
    from jsonschema import SchemaError, validators
    from jsonschema_specifications import REGISTRY  # type: ignore[import-untyped]

    schema = _read(path)
    kind = validators.validator_for(schema, default=validators.Draft202012Validator)
    try:
        kind.check_schema(schema)
    except SchemaError as problem:
        place = "/".join(str(part) for part in problem.absolute_path) or "its top"
        raise UsageError(
            f"the schema is no JSON Schema: {problem.message[:200]} (at {place})",
            expected="a JSON Schema (json-schema.org)",
            where=path,
        ) from None
    lost = list(dict.fromkeys(_lost_references(schema, str(kind.META_SCHEMA.get("$schema", "")))))
    if lost:
        raise UsageError(
            f"the schema refers to {', '.join(f'`{one}`' for one in lost[:_NAMED])}, which it does not hold",
            expected="references within the file (`#/$defs/NAME`)",
            hint="copy what is referred to into the file: nothing is fetched",
            where=path,
        )

    if '"patternProperties"' in json.dumps(schema):
        raise UsageError(
            "the schema uses `patternProperties`, whose patterns cannot be given a limit of time",
            hint="name the properties in `properties`, or leave it out",
            where=path,
        )

    def pattern(_: Any, wanted: str, instance: Any, __: Any) -> Iterator[Any]:
        from jsonschema import ValidationError

        if isinstance(instance, str) and not matches(wanted, instance):
            yield ValidationError("does not match the pattern")

    bounded = validators.extend(kind, {"pattern": pattern})  # type: ignore[no-untyped-call]
    return bounded(schema, registry=REGISTRY).is_valid  # type: ignore[no-any-return]


def _read(path: str) -> Any:
    try:
        text = Path(path).expanduser().read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as problem:
        reason = problem.strerror if isinstance(problem, OSError) else "it is no UTF-8 text"
        raise UsageError(f"the schema `{path}` cannot be read: {reason}", hint="check the path") from None
    try:
        schema = json.loads(text)
    except json.JSONDecodeError as problem:
        raise UsageError(f"the schema is no JSON: {problem.msg}", where=f"{path}:{problem.lineno}") from None
    except (ValueError, RecursionError):
        raise UsageError("the schema is no JSON that can be read", where=path) from None
    if not isinstance(schema, dict | bool):
        raise UsageError("the schema is neither an object nor true or false", expected="a JSON Schema", where=path)
    return schema


def _lost_references(schema: Any, dialect: str) -> Iterator[str]:
    """References that lead nowhere within the schema and the standard's own schemas."""
    from jsonschema_specifications import REGISTRY
    from referencing import Registry, Resource
    from referencing.exceptions import NoSuchResource, PointerToNowhere, Unresolvable
    from referencing.jsonschema import specification_with

    whole = Resource.from_contents(schema, default_specification=specification_with(dialect))
    registry: Registry[Any] = REGISTRY.with_resource(whole.id() or "", whole).crawl()
    places = [(whole, registry.resolver_with_root(whole))]
    while places:
        resource, resolver = places.pop()
        contents = resource.contents
        reference = contents.get("$ref") if isinstance(contents, dict) else None
        if isinstance(reference, str):
            try:
                resolver.lookup(reference)
            except (Unresolvable, NoSuchResource, PointerToNowhere):
                yield reference
        places += [(one, resolver.in_subresource(one)) for one in resource.subresources()]
