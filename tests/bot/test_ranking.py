"""A server's ranking: points from votes, and few votes prove little. And notes in a prompt."""

from discord_bot.features.compare.card import side
from discord_bot.features.compare.ranking import Standing, ranking
from discord_bot.features.memory.notes import with_memory
from discord_bot.store.contests import Ballot, Vote


def test_every_vote_counts_for_both_models() -> None:
    found = ranking(
        [Ballot("fox", "owl", Vote.FIRST), Ballot("owl", "fox", Vote.SECOND), Ballot("fox", "owl", Vote.TIE)]
    )
    assert found == [Standing("fox", 3, 2.5), Standing("owl", 3, 0.5)]
    assert [one.percent for one in found] == [83, 17]
    assert ranking([]) == []


def test_one_lucky_vote_does_not_beat_many() -> None:
    many = [Ballot("fox", "owl", Vote.FIRST)] * 18 + [Ballot("fox", "owl", Vote.SECOND)] * 2
    assert [one.model for one in ranking([*many, Ballot("new", "owl", Vote.FIRST)])] == ["fox", "new", "owl"]


def test_equal_models_stand_in_the_order_of_their_names() -> None:
    assert [one.model for one in ranking([Ballot("b", "a", Vote.TIE)])] == ["a", "b"]


def test_a_long_name_keeps_its_end_on_a_button() -> None:
    assert side("chat") == "chat"
    assert len(side("p/" + "x" * 90)) == 24
    assert side("p/" + "x" * 90).startswith("…x")


def test_notes_stand_below_the_instructions() -> None:
    assert with_memory("Be kind.", []) == "Be kind."
    assert with_memory("Be kind.", ["vegan", "in Berlin"]).startswith("Be kind.\n\n")
    assert with_memory("Be kind.", ["vegan", "in Berlin"]).endswith("\n- vegan\n- in Berlin")
    assert with_memory("", ["vegan"]).endswith(":\n- vegan")
