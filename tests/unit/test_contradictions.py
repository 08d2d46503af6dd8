"""Schemas that no document can hold to are found; those that some document holds to never are."""

from typing import Any

import jsonschema_rs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from inference_service.contradictions import contradiction

OBJECT = {"type": "object", "required": ["a"]}
IMPOSSIBLE: list[tuple[Any, str]] = [
    (False, "allows no value"),
    ({"enum": []}, "allows no value"),
    ({"not": {}}, "allows no value"),
    ({"not": True}, "allows no value"),
    ({"type": "integer", "minimum": 2, "maximum": 1}, "minimum is above maximum"),
    ({"type": "string", "minLength": 2, "maxLength": 1}, "minLength is above maxLength"),
    ({"type": "array", "minItems": 2, "maxItems": 1}, "minItems is above maxItems"),
    ({"type": "object", "minProperties": 1, "maxProperties": 0}, "minProperties is above maxProperties"),
    ({**OBJECT, "additionalProperties": False}, "requires 'a' and allows no such member"),
    ({**OBJECT, "properties": {"a": {"enum": []}}}, "allows no value at a"),
    ({**OBJECT, "properties": {"a": {**OBJECT, "properties": {"a": False}}}}, "allows no value at a.a"),
    ({"allOf": [{}, False]}, "allows no value"),
    ({"anyOf": [False, {"enum": []}]}, "allows no value"),
    ({"oneOf": [False]}, "allows no value"),
    ({"type": "array", "minItems": 1, "items": False}, "allows no value at []"),
]
POSSIBLE: list[Any] = [
    True,
    {},
    {"not": False},
    {"minimum": 2, "maximum": 1},  # a text is neither too small nor too large
    {"type": "integer", "minimum": 1, "maximum": 1},
    {"type": ["integer", "string"], "minimum": 2, "maximum": 1},
    {"required": ["a"], "additionalProperties": False},  # a number has no members
    {**OBJECT, "additionalProperties": False, "patternProperties": {"^a": {}}},
    {"type": "object", "properties": {"a": False}},
    {"type": "array", "items": False},
    {"type": "array", "minItems": 1, "items": False, "prefixItems": [{}]},
    {"anyOf": [False, {}]},
    {"anyOf": [], "enum": [1]},
]


@pytest.mark.parametrize(("schema", "says"), IMPOSSIBLE)
def test_a_schema_that_allows_nothing_is_found_with_its_place(schema: Any, says: str) -> None:
    assert says in contradiction(schema)


@pytest.mark.parametrize("schema", POSSIBLE)
def test_a_schema_that_allows_something_passes(schema: Any) -> None:
    assert contradiction(schema) == ""


def nested(levels: int) -> Any:
    return {"allOf": [nested(levels - 1)]} if levels else False


def test_a_schema_of_great_depth_is_left_to_the_check_of_documents() -> None:
    assert contradiction(nested(20))
    assert contradiction(nested(200)) == ""


LEAVES = st.sampled_from(
    [True, False, {}, {"type": "integer"}, {"enum": []}, {"enum": [1]}, {"not": {}}, {"type": "string", "minLength": 3, "maxLength": 2}]
)  # fmt: skip
VALUES = [
    None,
    True,
    0,
    1,
    "",
    "abc",
    [],
    [1],
    ["a", {}],
    {},
    {"a": 1},
    {"a": "abc"},
    {"a": {"a": 1}},
    {"a": [1]},
    {"b": 1},
]


def larger(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    lists = st.lists(inner, min_size=1, max_size=2)
    return st.one_of(
        st.builds(lambda keyword, parts: {keyword: parts}, st.sampled_from(["allOf", "anyOf", "oneOf"]), lists),
        st.builds(lambda part: {**OBJECT, "properties": {"a": part}}, inner),
        st.builds(lambda part: {**OBJECT, "properties": {"b": part}, "additionalProperties": False}, inner),
        st.builds(lambda part, least: {"type": "array", "items": part, "minItems": least}, inner, st.integers(0, 1)),
    )


@given(st.recursive(LEAVES, larger, max_leaves=6))
def test_a_schema_that_a_document_satisfies_is_never_called_impossible(schema: Any) -> None:
    if contradiction(schema):
        validator = jsonschema_rs.validator_for(schema)
        assert not any(validator.is_valid(value) for value in VALUES)
