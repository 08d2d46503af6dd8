"""Checks header blocks before the compiled decoder sees them: a truncated block makes it panic and write to standard
error."""

from typing import Any

from jh2.connection import Decoder, HPACKError


class CheckedDecoder:
    def __init__(self, table: int, most: int) -> None:
        self._decoder = Decoder()
        self._decoder.max_allowed_table_size = table
        self._decoder.max_header_list_size = most

    def decode(self, data: bytes, raw: bool | None = None) -> Any:
        """Raises HPACKError."""
        check(data)
        return self._decoder.decode(data, raw)


def check(block: bytes) -> None:
    """RFC 7541, section 6: fields must be complete, and table size updates come before the first field. Raises HPACKError."""
    place, end, begun = 0, len(block), False
    while place < end:
        first = block[place]
        if first & 0xE0 == 0x20:
            if begun:
                raise HPACKError("a size update inside a header block")
            _, place = number(block, place, 0x1F)
            continue
        begun = True
        if first & 0x80:
            _, place = number(block, place, 0x7F)
            continue
        index, place = number(block, place, 0x3F if first & 0x40 else 0x0F)
        for _ in range(1 if index else 2):
            length, place = number(block, place, 0x7F)
            place += length
    if place > end:
        raise HPACKError("a header block is truncated")


def number(block: bytes, place: int, mask: int) -> tuple[int, int]:
    """An integer and the position after it. `mask`: the bits of its first byte. Raises HPACKError."""
    try:
        value = block[place] & mask
        place += 1
        if value < mask:
            return value, place
        for shift in (0, 7, 14, 21):
            byte = block[place]
            place += 1
            value += (byte & 0x7F) << shift
            if byte < 0x80:
                return value, place
    except IndexError:
        raise HPACKError("a header block is truncated") from None
    raise HPACKError("an integer is too large")
