"""What Discord cannot render is made readable, and nothing is lost in it."""

import re

from hypothesis import given, settings
from hypothesis import strategies as st

from discord_bot.rendering.readable import readable
from discord_bot.rendering.tables import width

TABLE = "| Name | Count |\n|:-----|------:|\n| fox | 3 |\n| 雪 | 12 |"


def test_a_narrow_table_is_shown_in_columns() -> None:
    assert readable(TABLE).split("\n") == ["```", "Name  Count", "────  ─────", "fox       3", "雪       12", "```"]


def test_columns_stand_below_each_other_by_the_width_that_is_seen() -> None:
    shown = readable("| a | b |\n|---|---|\n| 雪が降る | 1 |\n| 🦊 | 2 |\n| é | 3 |").split("\n")[3:6]
    assert {width(line) for line in shown} == {11}


def test_a_wide_table_becomes_a_list_with_every_word() -> None:
    long = "a long cell of many words that no phone shows in one line"
    shown = readable(f"| Kind | Where | Why |\n|---|---|---|\n| fox | forest | {long} |\n| bear | den | {long} |")
    assert "```" not in shown
    assert shown.split("\n")[:3] == ["- **fox**", "  - Where: forest", f"  - Why: {long}"]


def test_rows_of_different_lengths_are_no_problem() -> None:
    shown = readable("| a | b |\n|---|---|\n| 1 |\n| 1 | 2 | 3 |\nafter")
    assert shown.split("\n")[-1] == "after"
    assert "3" in shown


def test_a_table_that_grows_shows_the_rows_that_are_whole() -> None:
    *whole, _ = TABLE.split("\n")
    assert readable(TABLE, growing=True) == readable("\n".join(whole))
    assert readable("\n".join(whole[:2]), growing=True).startswith("```\nName")


def test_text_with_bars_is_no_table() -> None:
    for text in ("a | b\nc | d", "either|or", "---", "| a |\ntext\n| --- |"):
        assert readable(text) == text


def test_deep_headings_become_bold_and_others_stay() -> None:
    assert readable("# One\n### Three\n#### Four\n###### **Six** ##") == "# One\n### Three\n**Four**\n**Six**"


def test_code_is_left_alone() -> None:
    code = f"```md\n#### not a heading\n{TABLE}\n```"
    assert readable(code) == code


def test_tildes_become_the_fences_that_discord_knows() -> None:
    assert readable("~~~py\nx\n~~~\n#### after") == "```py\nx\n```\n**after**"


line = st.sampled_from(
    ["a fox", "", "#### Deep", "```", "~~~", "- item", "| a | b |", "|---|---|", "| 1 | 2 |", "x|y", "    code"]
)


@settings(max_examples=200, deadline=None)
@given(st.lists(line, max_size=14).map("\n".join))
def test_no_word_is_lost_or_doubled(text: str) -> None:
    def words(one: str) -> list[str]:
        return sorted(re.findall(r"\w+", one))

    assert words(readable(text)) == words(text)
