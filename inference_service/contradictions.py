"""JSON Schemas that no document can hold to, found before a provider is paid for trying. Pure.

Only contradictions that are plain to see: a schema that passes may still be impossible, one that is found never is possible.
"""

from collections.abc import Iterator, Mapping
from typing import Any

# Keywords that bound a value from below and above, and the types of values that they speak about.
BOUNDS = (
    ("minimum", "maximum", ("integer", "number")),
    ("minLength", "maxLength", ("string",)),
    ("minItems", "maxItems", ("array",)),
    ("minProperties", "maxProperties", ("object",)),
)
DEEPEST = 32  # levels


def contradiction(schema: Any, path: str = "", depth: int = 0) -> str:
    """Why no document holds to the schema; empty: nothing is plain to see."""
    at = f" at {path}" if path else ""
    if schema is False:
        return f"allows no value{at}"
    if not isinstance(schema, Mapping) or depth > DEEPEST:
        return ""
    if schema.get("enum") == [] or schema.get("not", False) in ({}, True):
        return f"allows no value{at}"
    for low, high, types in BOUNDS:
        if schema.get("type") in types and _crossed(schema.get(low), schema.get(high)):
            return f"allows no value{at}: {low} is above {high}"
    return next((text for text in _within(schema, path, depth + 1) if text), "")


def _crossed(low: Any, high: Any) -> bool:
    return isinstance(low, int | float) and isinstance(high, int | float) and low > high


def _within(schema: Mapping[str, Any], path: str, depth: int) -> Iterator[str]:
    for part in _list(schema.get("allOf")):
        yield contradiction(part, path, depth)
    for keyword in ("anyOf", "oneOf"):
        problems = [contradiction(part, path, depth) for part in _list(schema.get(keyword))]
        yield problems[0] if problems and all(problems) else ""
    if schema.get("type") == "object":
        yield from _members(schema, path, depth)
    if schema.get("type") == "array" and _crossed(schema.get("minItems"), 0) and "prefixItems" not in schema:
        yield contradiction(schema.get("items"), f"{path}[]", depth)


def _members(schema: Mapping[str, Any], path: str, depth: int) -> Iterator[str]:
    """The members that every document must have."""
    properties = schema.get("properties")
    declared = properties if isinstance(properties, Mapping) else {}
    closed = schema.get("additionalProperties") is False and not schema.get("patternProperties")
    for name in _list(schema.get("required")):
        place = f"{path}.{name}" if path else str(name)
        if name in declared:
            yield contradiction(declared[name], place, depth)
        elif closed:
            yield f"requires {place[:100]!r} and allows no such member"


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []
