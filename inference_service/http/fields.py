"""The members of a request, each taken once with its type checked. Members that nobody takes are reported as ignored. Pure.

An explicit null counts as absent: many clients write every field they know.
"""

from collections.abc import Iterator, Mapping
from typing import Any, TypeVar

from inference_service.http.problems import Violation

Kind = TypeVar("Kind", str, dict[str, Any], list[Any])
NAMES: dict[type, str] = {str: "a string", dict: "an object", list: "a list"}
TRUE, FALSE = ("true", "1", "yes", "on"), ("false", "0", "no", "off", "")


class Fields:
    """`violations` collects the problems. `form`: the values are strings, from a form."""

    def __init__(self, members: Mapping[str, Any], path: str = "", *, form: bool = False) -> None:
        self._members = {name: value for name, value in members.items() if value is not None}
        self._path, self._form = path, form
        self.violations: list[Violation] = []

    def path(self, name: str) -> str:
        return f"{self._path}.{name}" if self._path else name

    def wrong(self, name: str, text: str) -> None:
        self.violations.append((self.path(name), text))

    def left(self) -> Iterator[str]:
        """Members that nobody has taken."""
        return (self.path(name) for name in self._members)

    def has(self, name: str) -> bool:
        return name in self._members

    def peek(self, name: str) -> Any:
        """Without taking it."""
        return self._members.get(name)

    def any(self, name: str) -> Any:
        return self._members.pop(name, None)

    def ignore(self, *names: str) -> None:
        """Marks a member as taken although it has no effect by design: it is not worth reporting."""
        for name in names:
            self._members.pop(name, None)

    def text(self, name: str) -> str | None:
        return self._typed(name, str)

    def members(self, name: str) -> dict[str, Any] | None:
        return self._typed(name, dict)

    def items(self, name: str) -> list[Any] | None:
        return self._typed(name, list)

    def flag(self, name: str) -> bool | None:
        value = self.any(name)
        if self._form and isinstance(value, str) and value.lower() in TRUE + FALSE:
            return value.lower() in TRUE
        if value is not None and not isinstance(value, bool):
            self.wrong(name, f"must be true or false, not {kind_of(value)}")
            return None
        return value

    def number(self, name: str) -> float | None:
        value = self._parsed(self.any(name))
        if value is not None and (isinstance(value, bool) or not isinstance(value, int | float)):
            self.wrong(name, f"must be a number, not {kind_of(value)}")
            return None
        return value

    def whole(self, name: str, most: int) -> int | None:
        """An integer from 0 to `most`, the range of the contract's field. Its semantic range is validated later."""
        value = self.number(name)
        if value is None:
            return None
        if value != value or value in (float("inf"), float("-inf")) or value != int(value):  # noqa: PLR0124 - "nan"
            self.wrong(name, f"must be a whole number, not {value:g}")
            return None
        if not 0 <= value <= most:
            self.wrong(name, f"is {int(value)}; 0 to {most:,} is allowed")
            return None
        return int(value)

    def choice(self, name: str, allowed: Mapping[str, Any]) -> Any:
        """The value in `allowed` for a string."""
        value = self.text(name)
        if value is None:
            return None
        if value not in allowed:
            self.wrong(name, f"must be one of {', '.join(allowed)}")
            return None
        return allowed[value]

    def _typed(self, name: str, kind: type[Kind]) -> Kind | None:
        value = self.any(name)
        if value is not None and not isinstance(value, kind):
            self.wrong(name, f"must be {NAMES[kind]}, not {kind_of(value)}")
            return None
        return value

    def _parsed(self, value: Any) -> Any:
        if not self._form or not isinstance(value, str):
            return value
        try:
            return float(value) if not value.lstrip("+-").isdigit() else int(value)
        except ValueError:
            return value


def kind_of(value: Any) -> str:
    """The kind of a JSON value, for a message; never the value itself."""
    match value:
        case None:
            return "null"
        case bool():
            return "a boolean"
        case int() | float():
            return "a number"
        case str():
            return "a string"
        case list():
            return "a list"
        case dict():
            return "an object"
    return "a file"
