"""What of a channel goes into the request, and how the model's references become links."""

import pytest

from discord_bot.features.catchup.reading import Line, linked, numbered
from discord_bot.features.catchup.summary import counted

URLS = {number: f"https://discord.com/channels/1/2/{number}" for number in range(1, 8)}


def link(number: int) -> str:
    return f"[{number}]({URLS[number]})"


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        ("Moved to Friday [3].", f"Moved to Friday {link(3)}."),
        ("Two [3, 5] and [5,7]", f"Two {link(3)} {link(5)} and {link(5)} {link(7)}"),
        ("A range [2–4]", f"A range {link(2)} {link(4)}"),
        ("По-русски [№ 3], [#4]", f"По-русски {link(3)}, {link(4)}"),
        ("Twice [3, 3]", f"Twice {link(3)}"),
        ("No such message [99].", "No such message."),
        ("Known and not [3, 99]", f"Known and not {link(3)}"),
        ("A list [x] and `a[1:2]` stay", "A list [x] and `a[1:2]` stay"),
        ("A link [3](https://example.org) stays", "A link [3](https://example.org) stays"),
        ("Half [3", "Half [3"),
    ],
)
def test_references_become_links_to_their_messages(said: str, shown: str) -> None:
    assert linked(said, URLS) == shown


def test_the_newest_lines_that_fit_are_read_with_their_own_numbers() -> None:
    lines = [Line(1, "Ada", f"message {number} " + "x" * 40, URLS[number]) for number in range(1, 6)]
    text, left_out = numbered(lines, 10_000)
    assert left_out == 0
    assert text.splitlines()[0].startswith("[1] Ada: message 1")
    text, left_out = numbered(lines, 45)
    assert left_out == 3
    assert [line.partition(" ")[0] for line in text.splitlines()] == ["[4]", "[5]"]
    text, left_out = numbered(lines, 1)
    assert left_out == 4, "the newest one is always read"
    assert numbered([], 100) == ("", 0)


def test_the_messages_read_are_counted_in_both_languages() -> None:
    lines = [Line(1, "Ada", "a", "", pictures=2), Line(2, "Ben", "b", "", files=1), Line(1, "Ada", "c", "")]
    assert counted(lines, "en") == "Read: 3 messages, by 2 people, 2 pictures, a file"
    assert "3 сообщения" in counted(lines, "ru")
    assert counted(lines[2:], "en") == "Read: one message, by one person"
