"""JSON Schemas from callers: whether they are valid, and whether a document conforms to one.

The library is written in Rust and matches patterns in linear time, so that a caller's schema cannot hold the process up; nothing
is ever fetched for a reference. See docs/decisions/0016-json-schema.md.
"""

from collections.abc import Mapping
from typing import Any, NoReturn

import jsonschema_rs
import msgspec

MASK = "the value"  # replaces the model's words: errors and logs contain none of them
LONGEST = 300


class NoSchemaError(ValueError):
    """The text is not a JSON Schema; the message says why."""


def _refuse(uri: str) -> NoReturn:
    raise LookupError(f"references outside of the schema are not followed: {uri[:100]}")


def read(text: str) -> Mapping[str, Any]:
    """Parses a schema. Raises NoSchemaError."""
    try:
        schema = msgspec.json.decode(text)
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        raise NoSchemaError(f"is not JSON: {str(error)[:LONGEST]}") from None
    if not isinstance(schema, dict):
        raise NoSchemaError("is not a JSON object")
    Schema(schema)
    return schema


class Schema:
    """A schema to validate documents with. Raises NoSchemaError."""

    def __init__(self, schema: Mapping[str, Any]) -> None:
        try:
            self._validator = jsonschema_rs.validator_for(dict(schema), retriever=_refuse, mask=MASK)
        except jsonschema_rs.ValidationError as error:
            raise NoSchemaError(f"is not a JSON Schema{_place(error.instance_path)}: {_first_line(error)}") from None
        except (ValueError, TypeError, OverflowError) as error:
            raise NoSchemaError(f"is not a JSON Schema: {_first_line(error)}") from None

    def violation(self, document: Any) -> str:
        """How the document violates the schema, without a word of it; empty if it conforms."""
        try:
            error = next(self._validator.iter_errors(document), None)
        except (ValueError, RecursionError) as problem:
            return f"it cannot be checked: {_first_line(problem)}"
        if error is None:
            return ""
        keyword = str(error.schema_path[-1]) if error.schema_path else "schema"
        detail = "" if "ropert" in keyword else f": {_first_line(error)}"
        return f"it breaks {keyword!r}{_place(error.instance_path)}{detail}"[:LONGEST]


def _place(path: list[str | int]) -> str:
    if not path:
        return ""
    return (
        " at " + "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in path).removeprefix(".")[:100]
    )


def _first_line(error: Exception) -> str:
    return str(error).partition("\n")[0][:LONGEST]
