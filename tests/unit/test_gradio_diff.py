"""Differences of Gradio's generators: whatever changed between two outputs, the second one comes out."""

import copy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inference_service.providers.gradio.diff import BadDiff, apply, apply_all

values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4), inner, max_size=4),
    max_leaves=12,
)


def difference(old: Any, new: Any, path: tuple[Any, ...] = ()) -> list[list[Any]]:
    """As Gradio's server makes it, from its documented operations: append, replace, add, delete."""
    if type(old) is not type(new):
        return [["replace", [*path], new]]
    if isinstance(old, str):
        if old == new:
            return []
        return [["append", [*path], new[len(old) :]] if new.startswith(old) else ["replace", [*path], new]]
    if isinstance(old, list):
        steps = []
        common = min(len(old), len(new))
        for place in range(common):
            steps += difference(old[place], new[place], (*path, place))
        for place in range(common, len(new)):
            steps.append(["add", [*path, place], new[place]])
        for place in range(len(old) - 1, common - 1, -1):
            steps.append(["delete", [*path, place], None])
        return steps
    if isinstance(old, dict):
        steps = []
        for key in old:
            steps += difference(old[key], new[key], (*path, key)) if key in new else [["delete", [*path, key], None]]
        return steps + [["add", [*path, key], new[key]] for key in new if key not in old]
    return [] if old == new else [["replace", [*path], new]]


@given(values, values)
def test_any_two_values_are_one_difference_apart(old: Any, new: Any) -> None:
    before = copy.deepcopy(old)
    assert apply(old, difference(old, new)) == new
    assert old == before


@given(st.lists(st.lists(values, min_size=2, max_size=2), min_size=1, max_size=6))
def test_a_stream_of_outputs_arrives_as_it_was(states: list[list[Any]]) -> None:
    current = states[0]
    for state in states[1:]:
        current = apply_all(current, [difference(old, new) for old, new in zip(current, state, strict=True)])
        assert current == state


@given(values, st.lists(st.lists(values, max_size=4), max_size=4) | values)
def test_a_malformed_difference_is_refused_and_never_guessed(value: Any, operations: Any) -> None:
    try:
        apply(value, operations)
    except BadDiff:
        return
    assert isinstance(operations, list)


@pytest.mark.parametrize("step", [["sing", [], 1], ["add", [], 1], ["delete", ["no"], None], ["append", [3], "x"], 7])
def test_an_operation_that_does_not_fit_is_reported(step: Any) -> None:
    with pytest.raises(BadDiff):
        apply({"a": [1]}, [step])
