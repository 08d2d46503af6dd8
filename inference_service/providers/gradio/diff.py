"""The difference format of Gradio's generators (protocols sse_v2, sse_v2.1, sse_v3), pure.

After the first partial output of a call each later one is, per output, a list of operations
`[action, path, value]` on the value before it; an empty list means unchanged. Source of the
format: `gradio/utils.py` (`diff`) and `apply_diff` of Gradio's own clients.
"""

from collections.abc import Sequence
from typing import Any


class BadDiff(Exception):
    """An operation that the format does not define, or that does not fit the value."""


def apply_all(current: Sequence[Any], operations: Sequence[Any]) -> list[Any]:
    """All outputs after one event; a new output starts from None."""
    outputs = list(current) + [None] * (len(operations) - len(current))
    if len(operations) < len(outputs):
        operations = [*operations, *([[]] * (len(outputs) - len(operations)))]
    return [apply(value, diff) for value, diff in zip(outputs, operations, strict=True)]


def apply(value: Any, operations: Any) -> Any:
    """The new value; the old one is not modified. Raises BadDiff."""
    if not isinstance(operations, list):
        raise BadDiff("a difference is not a list of operations")
    for operation in operations:
        match operation:
            case [str(action), list(path), change]:
                value = _changed(value, action, path, change)
            case _:
                raise BadDiff("an operation has not the form [action, path, value]")
    return value


def _changed(target: Any, action: str, path: list[Any], change: Any) -> Any:
    """Copies only the containers along the path, so that values handed out earlier stay unchanged."""
    if not path:
        return _whole(target, action, change)
    key, rest = path[0], path[1:]
    copy = _copy(target)
    if rest or action in ("append", "replace"):
        old = _item(copy, key)
        copy[key] = _changed(old, action, rest, change) if rest else _whole(old, action, change)
        return copy
    match action:
        case "add" if isinstance(copy, list):
            if not isinstance(key, int):
                raise BadDiff("a list has no such place")
            copy.insert(key, change)
        case "add":
            copy[key] = change
        case "delete":
            _item(copy, key)
            del copy[key]
        case _:
            raise BadDiff("unknown action")
    return copy


def _whole(target: Any, action: str, change: Any) -> Any:
    match action, target, change:
        case "replace", _, _:
            return change
        case "append", str(), str():
            return target + change
        case "append", list(), list():
            return [*target, *change]
        case _:
            raise BadDiff("the action does not fit the value")


def _copy(target: Any) -> Any:
    if isinstance(target, list | dict):
        return target.copy()
    raise BadDiff("the path leads into a plain value")


def _item(container: Any, key: Any) -> Any:
    fits = isinstance(key, int) if isinstance(container, list) else isinstance(key, str)
    if not fits or (isinstance(key, bool)):
        raise BadDiff("the path has a key of the wrong kind")
    try:
        return container[key]
    except (KeyError, IndexError):
        raise BadDiff("the path leads nowhere") from None
