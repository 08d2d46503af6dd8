"""Limits of buttons, selects, modals and the second component system (documentation: components/reference)."""

from collections.abc import Iterator
from typing import Any

from tests.fakes.discord.errors import bad_length, invalid, required, too_long
from tests.fakes.discord.model import Json, walk

ROW, BUTTON, SELECT, INPUT = 1, 2, 3, 4
SELECTS = (3, 5, 6, 7, 8)
SECTION, TEXT_DISPLAY, THUMBNAIL, GALLERY, FILE, SEPARATOR = 9, 10, 11, 12, 13, 14
CONTAINER, LABEL, UPLOAD, RADIO, CHECKBOXES, CHECKBOX = 17, 18, 19, 21, 22, 23
TOP_V2 = (ROW, SECTION, TEXT_DISPLAY, GALLERY, FILE, SEPARATOR, CONTAINER)
IN_CONTAINER = (ROW, SECTION, TEXT_DISPLAY, GALLERY, FILE, SEPARATOR)
IN_LABEL = (*SELECTS, INPUT, UPLOAD, RADIO, CHECKBOXES, CHECKBOX)
V2_COUNT, V2_TEXT = 40, 4000


def _length(text: str) -> int:
    return len(text) + sum(character > "\uffff" for character in text)


def _text(component: Json, name: str, path: str, least: int, most: int, *, needed: bool = True) -> None:
    value = component.get(name)
    if value is None:
        if needed:
            raise required(f"{path}.{name}")
        return
    if not isinstance(value, str) or not least <= _length(value) <= most:
        raise bad_length(f"{path}.{name}", least, most)


def _wrong_type(path: str, allowed: tuple[int, ...]) -> Exception:
    return invalid(f"{path}.type", "BASE_TYPE_CHOICES", f'Value of field "type" must be one of {allowed}.')


def _children(component: Json, path: str, least: int, most: int) -> Iterator[tuple[str, Json]]:
    children = component.get("components") or []
    if not least <= len(children) <= most:
        raise bad_length(f"{path}.components", least, most)
    for index, child in enumerate(children):
        yield f"{path}.components.{index}", child


def check(components: Any, *, v2: bool) -> None:
    """The component tree of a message. Raises 50035 (ApiError) that names the first wrong place."""
    if not isinstance(components, list):
        raise invalid("components", "LIST_TYPE_CONVERT", "Only iterables may be used in a ListType")
    everything = list(walk(components))
    if v2:
        if len(everything) > V2_COUNT:
            raise invalid("components", "COMPONENT_MAX_TOTAL_COMPONENTS_EXCEEDED", f"At most {V2_COUNT} components.")
        if sum(_length(c.get("content") or "") for c in everything if c["type"] == TEXT_DISPLAY) > V2_TEXT:
            raise invalid("components", "COMPONENT_DISPLAYABLE_TEXT_SIZE_EXCEEDED", f"At most {V2_TEXT} characters.")
    elif len(components) > 5:
        raise bad_length("components", 0, 5)
    for index, component in enumerate(components):
        path = f"components.{index}"
        allowed = TOP_V2 if v2 else (ROW,)
        if component.get("type") not in allowed:
            raise _wrong_type(path, allowed)
        _check_block(component, path)
    _unique(everything)


def _unique(everything: list[Json]) -> None:
    ids = [c["custom_id"] for c in everything if c.get("custom_id") is not None]
    if len(ids) != len(set(ids)):
        raise invalid("components", "COMPONENT_CUSTOM_ID_DUPLICATED", "Component custom id cannot be duplicated")


def _check_block(component: Json, path: str) -> None:
    match component["type"]:
        case 1:
            _check_row(component, path)
        case 9:
            for at, child in _children(component, path, 1, 3):
                if child.get("type") != TEXT_DISPLAY:
                    raise _wrong_type(at, (TEXT_DISPLAY,))
                _text(child, "content", at, 1, V2_TEXT)
            accessory = component.get("accessory")
            if accessory is None:
                raise required(f"{path}.accessory")
            if accessory["type"] == BUTTON:
                check_button(accessory, f"{path}.accessory")
        case 10:
            _text(component, "content", path, 1, V2_TEXT)
        case 12:
            gallery = component.get("items") or []
            if not 1 <= len(gallery) <= 10:
                raise bad_length(f"{path}.items", 1, 10)
            for index, item in enumerate(gallery):
                _text(item, "description", f"{path}.items.{index}", 0, 1024, needed=False)
        case 17:
            for at, child in _children(component, path, 1, V2_COUNT):
                if child.get("type") not in IN_CONTAINER:
                    raise _wrong_type(at, IN_CONTAINER)
                _check_block(child, at)


def _check_row(row: Json, path: str) -> None:
    for at, child in _children(row, path, 1, 5):
        if child.get("type") == BUTTON:
            check_button(child, at)
        elif child.get("type") in SELECTS:
            if len(row["components"]) > 1:
                raise bad_length(f"{path}.components", 1, 1)
            check_select(child, at)
        else:
            raise _wrong_type(at, (BUTTON, *SELECTS))


def check_button(button: Json, path: str) -> None:
    style = button.get("style")
    if style not in (1, 2, 3, 4, 5, 6):
        raise invalid(f"{path}.style", "BASE_TYPE_CHOICES", "Value must be one of {1, 2, 3, 4, 5, 6}.")
    if style == 5:
        _text(button, "url", path, 1, 512)
        if button.get("custom_id"):
            raise invalid(path, "COMPONENT_CUSTOM_ID_AND_URL", "A custom id and url cannot both be specified")
    elif style != 6:
        _text(button, "custom_id", path, 1, 100)
    if style != 6 and not button.get("label") and not button.get("emoji"):
        raise invalid(path, "BUTTON_COMPONENT_INVALID", "A button needs a label or an emoji")
    _text(button, "label", path, 0, 80, needed=False)


def check_select(select: Json, path: str) -> None:
    _text(select, "custom_id", path, 1, 100)
    _text(select, "placeholder", path, 0, 150, needed=False)
    least, most = select.get("min_values", 1), select.get("max_values", 1)
    if not (0 <= least <= 25 and 1 <= most <= 25 and least <= most):
        raise invalid(f"{path}.min_values", "NUMBER_TYPE_MAX", "min_values and max_values lie in 0–25, in order.")
    if select["type"] != SELECT:
        return
    options = select.get("options") or []
    if not 1 <= len(options) <= 25:
        raise bad_length(f"{path}.options", 1, 25)
    check_options(options, path)
    if most > len(options):
        raise invalid(f"{path}.max_values", "NUMBER_TYPE_MAX", "max_values is greater than the number of options")
    if sum(bool(option.get("default")) for option in options) > most:
        raise invalid(f"{path}.options", "SELECT_COMPONENT_TOO_MANY_DEFAULT_VALUES", "Too many default values")


def check_options(options: list[Json], path: str) -> None:
    for index, option in enumerate(options):
        at = f"{path}.options.{index}"
        _text(option, "label", at, 1, 100)
        _text(option, "value", at, 1, 100)
        _text(option, "description", at, 0, 100, needed=False)
    values = [option["value"] for option in options]
    if len(values) != len(set(values)):
        raise invalid(f"{path}.options", "SELECT_COMPONENT_OPTION_VALUE_DUPLICATED", "Option values must be unique")


def check_modal(modal: Json) -> None:
    """Title 45, one to five top components, each a label, a text display or (the older way) a row with an input."""
    _text(modal, "title", "data", 1, 45)
    _text(modal, "custom_id", "data", 1, 100)
    for at, child in _children(modal, "data", 1, 5):
        match child.get("type"):
            case 1:
                for inner, field in _children(child, at, 1, 1):
                    _text(field, "label", inner, 1, 45)
                    _check_field(field, inner, (INPUT,))
            case 10:
                _text(child, "content", at, 1, V2_TEXT)
            case 18:
                _text(child, "label", at, 1, 45)
                _text(child, "description", at, 0, 100, needed=False)
                if child.get("component") is None:
                    raise required(f"{at}.component")
                _check_field(child["component"], f"{at}.component", IN_LABEL)
            case _:
                raise _wrong_type(at, (ROW, TEXT_DISPLAY, LABEL))
    _unique(list(walk(modal["components"])))


def _check_field(field: Json, path: str, allowed: tuple[int, ...]) -> None:
    kind = field.get("type")
    if kind not in allowed:
        raise _wrong_type(path, allowed)
    if kind in SELECTS:
        check_select(field, path)
        return
    _text(field, "custom_id", path, 1, 100)
    if kind == INPUT:
        _text(field, "placeholder", path, 0, 100, needed=False)
        _text(field, "value", path, 0, 4000, needed=False)
        if field.get("style") not in (1, 2):
            raise invalid(f"{path}.style", "BASE_TYPE_CHOICES", "Value must be one of {1, 2}.")
        most = field.get("max_length") or 4000
        if not 1 <= most <= 4000 or not 0 <= (field.get("min_length") or 0) <= most:
            raise invalid(f"{path}.max_length", "NUMBER_TYPE_MAX", "int value should be less than or equal to 4000.")
        if _length(field.get("value") or "") > most:
            raise too_long(f"{path}.value", most)
    elif kind == UPLOAD:
        if not 0 <= field.get("min_values", 1) <= field.get("max_values", 1) <= 10:
            raise invalid(f"{path}.max_values", "NUMBER_TYPE_MAX", "int value should be less than or equal to 10.")
    elif kind in (RADIO, CHECKBOXES):
        least = 2 if kind == RADIO else 1
        options = field.get("options") or []
        if not least <= len(options) <= 10:
            raise bad_length(f"{path}.options", least, 10)
        check_options(options, path)


def numbered(components: list[Json]) -> list[Json]:
    """Gives every component without an `id` the next free number, as the platform does when it stores a tree."""
    taken = {c["id"] for c in walk(components) if c.get("id")}
    number = 0
    for component in walk(components):
        if not component.get("id"):
            number += 1
            while number in taken:
                number += 1
            component["id"] = number
    return components
