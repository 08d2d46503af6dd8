"""Which words under a picture ask for a change of it, and what is drawn then."""

import pytest

from discord_bot.features.edit.wording import asks_for_change, changed_prompt

CHANGES = """
make it night
Make it night!
please make the sky red
can you make it more colourful?
could you add a hat
now turn this into a watercolor
turn it into a pencil sketch
OK, and remove the tree in the background
replace the dog with a cat
colour her hair green
without the text
more contrast
less fog please
the same but in winter
same picture, but at sunset
but at night
in the style of Van Gogh
put a moon above it
zoom out
zoom in on the face
rotate it
draw it as a cartoon
сделай ночь
Сделай её ночью
пожалуйста, добавь луну
а теперь убери дерево
замени собаку на кошку
поменяй фон
без текста
больше снега
то же самое, но зимой
такую же, но в синих тонах
но ночью
в стиле Ван Гога
перерисуй акварелью
""".strip().splitlines()
QUESTIONS = """
what is this?
What would it look like at night?
how do I make it night?
who made it?
is this a fox
make a list of what you see
make me a caption for it
make it a poem
describe it
nice!
I would add nothing
makes it look nice
Additionally, who is that?
что это?
кто это нарисовал
как сделать ночь?
опиши картинку
сделай описание
сделай список предметов
красиво
делает красиво
""".strip().splitlines()


@pytest.mark.parametrize("text", CHANGES)
def test_instructions_to_change_are_understood(text: str) -> None:
    assert asks_for_change(text)


@pytest.mark.parametrize("text", QUESTIONS)
def test_questions_and_remarks_are_left_to_the_conversation(text: str) -> None:
    assert not asks_for_change(text)


def test_a_long_text_is_a_talk() -> None:
    assert not asks_for_change("make it night " + "and so on " * 100)


def test_the_change_joins_what_was_drawn_and_stays_within_the_limit() -> None:
    assert changed_prompt("a fox", " make it\nnight ", 100) == "a fox, make it night"
    assert changed_prompt("", "make it night", 100) == "make it night"
    assert changed_prompt("a prompt that is cut …", "make it night", 100) == "make it night"
    assert changed_prompt("abcdef", "xyz", 8) == "def, xyz"
    assert changed_prompt("abcdef", "x" * 9, 8) == "x" * 8
