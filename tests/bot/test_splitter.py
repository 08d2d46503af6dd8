"""Answers are cut into messages that each stand on their own, and together say exactly the answer."""

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from discord_bot.rendering import splitter
from discord_bot.rendering.splitter import DISCORD_LIMIT, Segment, settled, split, units

LIMIT = 160
words = st.sampled_from(
    [
        "fox",
        "snow",
        "winter night",
        "word.",
        "Ein Satz!",
        "лиса",
        "雪が降る。",
        "x" * 70,
        "`code here`",
        "**bold words**",
        "[a link](https://example.org/a/b?c=d)",
        "<:fox:123456789012345678>",
        "<@123456789012345678>",
        "👩\u200d👩\u200d👧\u200d👦",
        "🇩🇪🇫🇷",
        "é",
        "𝔘𝔫𝔦",
        "https://example.org/" + "p/" * 20,
        "\u200b",
        "\u202eabc\u202c",
        "é" * 30,
        "*",
        "`",
        "_",
        "||",
        "[",
        "<",
    ]
)
lines = st.one_of(
    st.lists(words, min_size=1, max_size=25).map(" ".join),
    st.sampled_from(
        ["", "", "```python", "```", "~~~", "# Heading", "- item", "3. third", "> quoted words", ">>> all", "| a | b |"]
    ),
    st.sampled_from(["    indented = True", "\t", "  ```js", "> ```py"]),
)
answers = st.lists(lines, min_size=0, max_size=40).map("\n".join)


def bare(text: str) -> str:
    return re.sub(r"\s+", "", text)


@settings(max_examples=250, deadline=None)
@given(answers)
def test_joined_parts_without_artificial_marks_are_the_answer(answer: str) -> None:
    segments = split(answer, LIMIT)
    place = 0
    for segment in segments:
        assert not answer[place : segment.start].strip()
        assert segment.text == segment.opened + inner(segment) + segment.closed
        assert inner(segment).strip() == answer[segment.start : segment.end].strip()
        place = segment.end
    assert not answer[place:].strip()
    assert bare("".join(map(inner, segments))) == bare(answer)


def inner(segment: Segment) -> str:
    text = segment.text[len(segment.opened) :]
    return text[: len(text) - len(segment.closed)]


@settings(max_examples=250, deadline=None)
@given(answers)
def test_no_part_is_longer_than_allowed_or_empty(answer: str) -> None:
    segments = split(answer, LIMIT)
    assert all(units(segment.text) <= LIMIT for segment in segments)
    assert all(segment.text.strip() for segment in segments) or not answer.strip()


@settings(max_examples=120, deadline=None)
@given(answers, st.integers(1, 400))
def test_a_boundary_never_moves_while_the_answer_grows(answer: str, step: int) -> None:
    whole = split(answer, LIMIT)
    for length in range(0, len(answer), step):
        grown = split(answer[:length], LIMIT)
        assert [(one.text, one.end) for one in grown[:-1]] == [(one.text, one.end) for one in whole[: len(grown) - 1]]


@settings(max_examples=200, deadline=None)
@given(answers)
def test_every_fence_of_a_part_is_closed_in_it(answer: str) -> None:
    for segment in split(answer, LIMIT):
        mark = ""
        for line in segment.text.split("\n"):
            fence = re.match(r"[ \t>]*(`{3,}|~{3,})([^`]*)$", line)
            if fence and not mark:
                mark = fence[1]
            elif fence and fence[1].startswith(mark) and not fence[2].strip():
                mark = ""
        assert not mark


@settings(max_examples=100, deadline=None)
@given(st.text(alphabet=st.characters(exclude_categories=["Cs"]), max_size=900))
def test_any_text_at_all_comes_through(text: str) -> None:
    segments = split(text, 100)
    assert bare("".join(map(inner, segments))) == bare(text)
    assert all(units(segment.text) <= 100 for segment in segments)


def test_a_cut_fence_is_closed_and_opened_again_with_its_language() -> None:
    code = "\n".join(f"    line_{number} = {number}" for number in range(200))
    segments = split(f"Look:\n```python\n{code}\n```\nDone.")
    assert len(segments) > 1
    for segment in segments[1:]:
        assert segment.text.startswith("```python\n    line_")
    for segment in segments[:-1]:
        assert segment.text.endswith("\n```")
    assert all(segment.text.count("```") % 2 == 0 for segment in segments)


def test_a_blank_line_is_preferred_then_a_line_then_a_sentence_then_a_word() -> None:
    filling = "word " * 14
    assert split(f"{filling}\n\nB. {filling}\n{filling}", 100)[1].text.startswith("B.")
    assert split(f"{filling}\nB. {filling}", 100)[1].text.startswith("B.")
    assert split(f"{filling}end. Next {filling}", 100)[1].text.startswith("Next")
    assert split("word " * 40, 100)[1].text.startswith("word")


@pytest.mark.parametrize(
    "whole",
    [
        "[the words of a link](https://example.org/with/a/path)",
        "`inline code with blanks`",
        "**words in bold type**",
        "<:custom_emoji:123456789012345678>",
        "<@!123456789012345678>",
        "https://example.org/a/long/path/without/blanks?and=query",
        "👩🏽‍🚀",
        "🇩🇪",
        "e\u0301\u0323",
    ],
)
def test_spans_are_never_cut(whole: str) -> None:
    for before in range(60, 100):
        text = ("x" * 5 + " ") * (before // 6) + "y" * (before % 6) + whole + " and more words behind it" * 4
        assert any(whole in segment.text for segment in split(text, 100)), before


def test_a_quoted_line_that_is_cut_goes_on_quoted() -> None:
    segments = split("> " + "quoted words " * 30, 100)
    assert all(re.match(r"> (quoted|words)", segment.text) for segment in segments)


def test_a_heading_goes_with_what_follows_it() -> None:
    segments = split("word " * 16 + "\n## Heading\n" + "text " * 20, 100)
    assert any(segment.text.startswith("## Heading\ntext") for segment in segments)


def test_a_fence_that_begins_near_the_end_begins_the_next_message() -> None:
    text = "word " * 16 + "\n```py\n" + "x = 1\n" * 8 + "```"
    assert split(text, 110)[1].text.startswith("```py\nx = 1")


def test_list_numbers_are_kept_as_they_are() -> None:
    text = "\n".join(f"{number}. item number {number}" for number in range(1, 40))
    shown = "\n".join(segment.text for segment in split(text, 200))
    assert [int(found) for found in re.findall(r"^(\d+)\.", shown, re.MULTILINE)] == list(range(1, 40))


def test_an_answer_of_letters_outside_the_first_plane_is_counted_in_pairs() -> None:
    segments = split("𝔘" * 3000)
    assert all(len(segment.text.encode("utf-16-le")) // 2 <= DISCORD_LIMIT for segment in segments)
    assert "".join(segment.text for segment in segments) == "𝔘" * 3000


@pytest.mark.parametrize("most", [1, 3, 7])
def test_a_caller_that_only_asks_for_more_gets_one_segment_beyond(most: int) -> None:
    text = "word " * 5_000
    whole = split(text, 100)
    assert split(text, 100, most=most) == whole[: most + 1]
    assert split(text, 100, most=len(whole)) == whole
    assert split("a few words", 100, most=most) == split("a few words", 100)


def test_an_empty_text_is_one_empty_part() -> None:
    assert [segment.text for segment in split("")] == [""]


@pytest.mark.parametrize("text", ["see [the words", "see [the words](https://exa", "see <@12345", "see `", "see ``"])
def test_half_a_link_or_mention_is_held_back(text: str) -> None:
    assert settled(text) == "see"


@pytest.mark.parametrize("text", ["see **bo", "see **", "see **two words", "see\n```py", "see\n```py\n"])
def test_half_a_bold_text_and_an_empty_block_of_code_are_held_back(text: str) -> None:
    assert settled(text) == "see"


WHOLE = [
    "see [a](https://b.org)", "2 < 3", "done.", "```py\nx[0]", "see <@123>", "see **bold** words", "2 ** 3",
    "```py\na**b", "see\n```py\nx\n```", "see **" + "never closed " * 9,
]  # fmt: skip


@pytest.mark.parametrize("text", WHOLE)
def test_what_is_whole_is_not_held_back(text: str) -> None:
    assert settled(text) == text


# --- the rules one by one ------------------------------------------------------------------------


@pytest.mark.parametrize(
    "character",
    ["\u0301", "\u0903", "\u20dd", "\u200d", "\uff9e", "\uff9f", "\U0001f3fb", "\U0001f3ff", "\U000e0020", "\U000e007f", "\u1160", "\u11ff"],
)  # fmt: skip
def test_combining_characters_belong_to_the_character_before(character: str) -> None:
    assert splitter._joins(character)


@pytest.mark.parametrize(
    "character", ["a", " ", "水", "\u115f", "\u1200", "\U0001f3fa", "\U0001f400", "\U000e001f", "\U000e0080", "\uff9d"]
)
def test_separate_characters_are_separate(character: str) -> None:
    assert not splitter._joins(character)


@pytest.mark.parametrize(
    ("reach", "most", "solid", "place"),
    [
        ("abcdef", 5, [], 5),
        ("abcde\u0301", 5, [], 4),
        ("ab👩\u200d👧", 4, [], 2),
        ("ab👩\u200d", 3, [], 2),
        ("ab🇩🇪", 3, [], 2),
        ("ab🇩🇦", 3, [], 2),
        ("ab🇩x", 3, [], 3),
        ("ab🇩\U0001f200", 3, [], 3),
        ("a🇩🇪🇫🇷", 3, [], 3),
        ("a🇩🇪🇫🇷", 4, [], 3),
        ("abcdef", 5, [(2, 9)], 2),
        ("abcdef", 5, [(1, 9)], 1),
        ("abcdef", 5, [(0, 9)], 5),
        ("abcdef", 5, [(5, 9)], 5),
        ("abcdef", 5, [(2, 5)], 5),
        ("abcdef", 5, [(3, 9), (2, 4)], 2),
        ("a" + "\u0301" * 100, 90, [], 26),
        ("\u0301\u0301", 1, [], 1),
    ],
)
def test_the_last_place_at_which_nothing_visible_is_cut(
    reach: str, most: int, solid: list[tuple[int, int]], place: int
) -> None:
    assert splitter._character(reach, most, solid) == place


@pytest.mark.parametrize(
    ("text", "start", "budget", "end"),
    [("abc", 0, 2, 2), ("abc", 1, 9, 3), ("𝔘𝔘𝔘", 0, 4, 2), ("𝔘𝔘", 0, 3, 1), ("a𝔘b", 0, 2, 1), ("a𝔘b", 0, 3, 2), ("", 0, 5, 0)],
)  # fmt: skip
def test_how_far_a_budget_of_units_reaches(text: str, start: int, budget: int, end: int) -> None:
    assert splitter._fit(text, start, budget) == end


@pytest.mark.parametrize(
    ("window", "place", "under"), [("text\n# Heading\n", 14, True), ("text\n", 4, False), ("# H\ntext\n", 8, False)]
)
def test_a_place_directly_under_a_heading_is_known(window: str, place: int, under: bool) -> None:
    assert splitter._under_heading(window, place) is under


@pytest.mark.parametrize(("length", "shown"), [(20, True), (21, False)])
def test_a_language_of_a_fence_is_repeated_unless_it_is_none(length: int, shown: bool) -> None:
    language = "l" * length
    segments = split(f"```{language}\n" + "code\n" * 60 + "```", 120)
    assert segments[1].text.startswith(f"```{language}\n" if shown else "```\n")


@pytest.mark.parametrize(
    ("piece", "carry"),
    [
        ("```py\nx", splitter.Carry("```", "py")),
        ("```py\nx\n```\n", splitter.Carry()),
        ("> words in", splitter.Carry(quote="> ")),
        ("> words in\n", splitter.Carry()),
        (">>> words in", splitter.Carry(quote=">>> ")),
        ("> > > words", splitter.Carry(quote="> > ")),
        ("> ```py\n> x", splitter.Carry("```", "py", "> ")),
        ("``````` \nx", splitter.Carry("``````")),
        ("plain words", splitter.Carry()),
    ],
)
def test_an_open_fence_or_quote_is_known_after_a_segment(piece: str, carry: splitter.Carry) -> None:
    assert splitter._carry(splitter.Carry(), piece, cut=True) == carry
    assert splitter._carry(splitter.Carry(), piece, cut=False) == (carry if carry.mark else splitter.Carry())


def test_a_quote_goes_on_over_several_pieces_without_a_line_end() -> None:
    quoted = splitter.Carry(quote="> ")
    assert splitter._carry(quoted, "still quoted", cut=True) == quoted
    assert splitter._carry(quoted, "quoted\nno more", cut=True) == splitter.Carry()
    assert splitter._carry(splitter.Carry("```"), "code\n```\nwords", cut=True) == splitter.Carry()


def test_the_numbers_are_those_of_discord() -> None:
    assert (DISCORD_LIMIT, splitter.RESERVED, splitter.CLOSING) == (2_000, 120, 10)
    assert (splitter.LONGEST_LANGUAGE, splitter.LONGEST_CHARACTER) == (20, 64)
    assert [len(segment.text) for segment in split("x" * 1_871)] == [1_870, 1]


@pytest.mark.parametrize(
    ("text", "blocks"),
    [
        ("words", []),
        ("```\nx\n```\n", [(0, 9)]),
        ("a\n```\nx", [(2, 8)]),
        ("```\nx\n```\n```\ny", [(0, 9), (10, 16)]),
    ],
)
def test_code_blocks_are_found_and_one_without_an_end_goes_on(text: str, blocks: list[tuple[int, int]]) -> None:
    assert splitter._code(text, "")[0] == blocks


def test_a_window_that_begins_in_code_ends_it_with_the_right_mark() -> None:
    assert splitter._code("x\n```\ny", "```")[0] == [(0, 5)]
    assert splitter._code("x\n~~~\ny", "```")[0] == [(0, 8)]


# Windows of 90 characters: a cut is looked for from 30 on, and a fence from 60 on begins the next message.
CUTS = {
    "nothing to cut at": ("a" * 91, "", 90),
    "a blank line before a later line": ("a" * 35 + "\n\n" + "b" * 20 + "\n" + "c" * 40, "", 37),
    "a blank line at the first place": ("a" * 30 + "\n\n" + "b" * 20 + "\n" + "c" * 50, "", 32),
    "a blank line too early": ("a" * 28 + "\n\n" + "b" * 30 + "\n" + "c" * 40, "", 61),
    "a line before a later sentence": ("a" * 40 + "\n" + "b" * 10 + ". " + "c" * 50, "", 41),
    "a sentence before a later word": ("a" * 40 + ". " + "b" * 10 + " " + "c" * 50, "", 42),
    "the last of several words": ("aaaa " * 20, "", 90),
    "a word at the very end": ("a" * 89 + " b", "", 90),
    "a fence in the last third": ("a" * 59 + "\n```\n" + "x\n" * 20, "", 60),
    "a fence just before it": ("a" * 58 + "\n```\n" + "x\n" * 20, "", 89),
    "a block that ends with the window": ("a" * 59 + "\n```\n" + "x" * 22 + "\n```\n", "", 87),
    "a block that ends behind the window": ("a" * 59 + "\n```\n" + "x" * 23 + "\n```", "", 60),
    "a whole block in the last third": ("a" * 59 + "\n```\nxx\n```\n" + "b" * 40, "", 71),
    "an inline code that goes on": ("x" * 50 + " `" + "a b " * 10, "", 51),
    "a code mark inside a code block": ("x" * 50 + " `" + "a b " * 10, "```", 90),
    "a link behind a space": ("x" * 49 + " [text](https://example.org/a-page-whose-address-goes-on-and-on)", "", 50),
    "something solid from the beginning": ("[" + "word " * 20, "", 86),
    "a heading at the end": ("a" * 40 + "\n# Heading\n" + "b" * 60, "", 41),
    "a heading with its first line": ("a" * 40 + "\n# Heading\nbbbb\n" + "c" * 60, "", 56),
    "the end of a fence's own line": ("```python\n" + "x" * 100, "", 90),
    "a language of a fence is not cut off": ("a" * 40 + "\n```" + "python " * 8, "", 41),
    "inside a block that was open": ("x" * 40 + "\n```\n" + "b" * 60, "```", 45),
    "a block that was open and another": ("x" * 40 + "\n```\ntext\n```\n" + "y" * 60, "```", 54),
}


@pytest.mark.parametrize(("reach", "mark", "place"), CUTS.values(), ids=CUTS)
def test_where_a_window_is_cut(reach: str, mark: str, place: int) -> None:
    assert splitter._boundary(reach[:91], mark) == place


@pytest.mark.parametrize("sign", ["X", "xX", "¤"])
def test_no_letter_is_taken_for_white_space_or_for_a_mark(sign: str) -> None:
    text = sign * 5_000
    assert "".join(segment.text for segment in split(text)) == text
    longest = DISCORD_LIMIT - splitter.RESERVED - splitter.CLOSING
    assert {len(segment.text) for segment in split(text)[:-1]} == {longest}
    code = f"```\n{sign}{'word ' * 500}{sign}\n{sign}\n```"
    assert "".join(map(inner, split(code))) == code
    assert split(f"{sign}\n")[0].text == sign


def test_white_space_alone_is_one_empty_part_from_the_beginning() -> None:
    assert split(" \n ") == [Segment("", 0, 3)]


@pytest.mark.parametrize("text", ["[li", "<@12", "`co", "word ", " "])
def test_a_text_that_has_only_begun_or_is_whole_is_not_held_back(text: str) -> None:
    assert settled(text) == text


@pytest.mark.parametrize(("text", "shown"), [("a[li", "a"), ("a<@12", "a"), ("x [li", "x"), ("x  [li", "x")])
def test_an_unfinished_span_is_held_back_even_after_a_single_letter(text: str, shown: str) -> None:
    assert settled(text) == shown


def test_a_line_that_opens_a_block_and_fits_nowhere_is_cut_like_any_other() -> None:
    text = "```" + "x" * 5_000
    assert len(split(text)[0].text) > 1_800


@pytest.mark.parametrize("length", [3, 6])
def test_a_long_mark_closes_what_it_opened(length: int) -> None:
    mark = "`" * length
    parts = split(f"{mark}py\n" + "x = 1\n" * 500 + mark)
    assert len(parts) == 2
    assert parts[0].closed == f"\n{mark}"
    assert parts[1].opened == f"{mark}py\n"
