"""Whether a message under a picture asks for a change of it. Pure: a list of openings, without guessing about the rest."""

import re

POLITE = r"(?:please|pls|now|ok(?:ay)?|and|then|so|hey|can you|could you|would you|will you|пожалуйста|плиз|теперь|а|и|ну|ок|можешь|можете|могли? бы|давай|тогда)"
CHANGE = (
    r"(?:make|turn|paint|colou?r|draw|render|show)\s+(?:it|this|that|them|him|her|everything|all|the|his|its|their|my)\b",
    r"(?:add|remove|delete|erase|replace|swap|change|recolou?r|brighten|darken|lighten|blur|sharpen|crop|zoom|rotate|flip|mirror|put|give|extend|enlarge|redraw|restyle)\b",
    r"(?:more|less|fewer|without|no more)\b",
    r"(?:(?:the\s+)?same\b.{0,20}\b(?:but|with|without|in|at|as))\b",
    r"(?:but\s+(?:at|in|with|without|make|as)|instead of|in the style of|as an?)\b",
    r"(?:сдела(?:й|йте)|преврати(?:те)?|измени(?:те)?|поменя(?:й|йте)|замени(?:те)?|добавь(?:те)?|убери(?:те)?|удали(?:те)?|сотри(?:те)?|перерису(?:й|йте)|дорису(?:й|йте)|нарису(?:й|йте)|раскрась(?:те)?|перекрась(?:те)?|осветли(?:те)?|затемни(?:те)?|увеличь(?:те)?|уменьши(?:те)?|поверни(?:те)?|отрази(?:те)?|размой(?:те)?|обрежь(?:те)?|поставь(?:те)?|надень(?:те)?|дай(?:те)?)(?!\w)",
    r"(?:больше|меньше|без|побольше|поменьше|поярче|потемнее|посветлее)\s+\w",
    r"(?:то же|такую же|такой же|такое же|тот же|ту же)\b.{0,20}\b(?:но|только|с|без|в)\b",
    r"(?:но\s+(?:ночью|днём|днем|в|с|без|на)|вместо|в стиле)\b",
)
# "Make a list of what is in it" asks for words, and so does a question about how to do it.
WORDS = re.compile(
    r"\b(?:list|summary|caption|title|description|poem|story|joke|table|prompt|список|подпись|описание|стих\w*|рассказ|таблиц\w*|промпт)\b",
    re.IGNORECASE,
)
OPENING = re.compile(rf"^\W*(?:{POLITE}\b[\s,]*)*(?:{'|'.join(CHANGE)})", re.IGNORECASE)
LONGEST = 600  # characters; a longer text is a conversation


def asks_for_change(text: str) -> bool:
    """True for "make it night" and the like, in English and Russian."""
    flat = " ".join(text.split())
    return len(flat) <= LONGEST and OPENING.match(flat) is not None and WORDS.search(flat) is None


def changed_prompt(former: str, instruction: str, limit: int) -> str:
    """The new prompt: the old one with the change. The oldest words are dropped first if it becomes too long."""
    wanted = " ".join(instruction.split())
    if not former or former.endswith("…"):
        return wanted[:limit]
    room = limit - len(wanted) - 2
    return f"{former[-room:]}, {wanted}" if room > 0 else wanted[:limit]
