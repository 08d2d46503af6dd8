"""LaTeX formulas, which Discord does not render, as Unicode text. Pure.

A formula is converted only if all of it can be: one with an unknown command stays as the model wrote it, and can be
shown as a picture. Brackets preserve the meaning: `\\frac{a+b}{2}` is (a+b)/2.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from discord_bot.rendering.symbols import (
    ACCENTS,
    DOUBLE,
    GREEK,
    LOWERED,
    RAISED,
    RELATIONS,
    SIGNS,
    SILENT,
    SPACES,
    WORDS,
    WRAPPERS,
)

LONGEST, DEEPEST = 600, 12
# A formula in single dollars has no blank at its ends, and no digit follows it.
FORMULA = re.compile(
    r"\$\$(?P<block>[^$]{1,600}?)\$\$|\\\[(?P<display>.{1,600}?)\\\]|\\\((?P<inline>.{1,600}?)\\\)"
    r"|(?<![\\$\w])\$(?![\s$])(?P<dollar>[^$\n]{1,300}?)(?<![\s\\])\$(?![\d$\w])",
    re.DOTALL,
)
PIECE = re.compile(r"\\[a-zA-Z]+|\\.|\s+|.", re.DOTALL)
MATHEMATICAL = re.compile(r"[\\^_=<>+]|^[A-Za-z]$|^[A-Za-z]\w?\([^)]*\)$|^\d+[a-z]$")
SUM = re.compile(r"[-+=±∓<>≤≥≠ ]")
FRACTIONS = {"1/2": "½", "1/3": "⅓", "2/3": "⅔", "1/4": "¼", "3/4": "¾", "1/5": "⅕", "1/6": "⅙", "1/8": "⅛"}
LINES = ("aligned", "align", "gather", "gathered", "equation", "split", "array")
MATRICES = {"pmatrix": ("(", ")"), "vmatrix": ("|", "|"), "Bmatrix": ("{", "}")}
SIMPLE = re.compile(r"-?[\w.′]+[⁰¹²³⁴⁵⁶⁷⁸⁹₀₁₂₃₄₅₆₇₈₉]*")


class _Unknown(Exception):
    """Something that cannot be written in a line of text."""


@dataclass(frozen=True)
class Formula:
    start: int
    end: int
    source: str
    is_block: bool


def formulas(text: str) -> Iterator[Formula]:
    """The formulas of a text without code."""
    for match in FORMULA.finditer(text):
        source = next(group for group in match.groups() if group is not None).strip()
        # Escaped brackets are Markdown's, too, and dollars may be prices.
        if source and (match["block"] is not None or MATHEMATICAL.search(source)):
            yield Formula(
                match.start(), match.end(), source, match["block"] is not None or match["display"] is not None
            )


def readable_formulas(text: str) -> str:
    """The text with every convertible formula converted."""
    pieces, place = [], 0
    for formula in formulas(text):
        written = as_text(formula.source)
        if written is None:
            continue
        if formula.is_block:
            # On lines of their own, whatever was around them.
            written = "\n".join(f"> {line}" for line in written.split("\n") if line.strip())
            written = _on_own_lines(text, formula, written)
        pieces += [text[place : formula.start], written]
        place = formula.end
    return "".join([*pieces, text[place:]])


def _on_own_lines(text: str, formula: Formula, written: str) -> str:
    before = "" if formula.start == 0 or text[formula.start - 1] == "\n" else "\n"
    after = "" if formula.end == len(text) or text[formula.end] == "\n" else "\n"
    return f"{before}{written}{after}"


def as_text(source: str) -> str | None:
    """One formula; None if text cannot express it."""
    try:
        reader = _Reader(PIECE.findall(source[:LONGEST]))
        text = reader.group(None, 0)
    except _Unknown:
        return None
    lines = (re.sub(r" {2,}", " ", line).strip() for line in text.split("\n"))
    return _plain("\n".join(line for line in lines if line)) or None


def _plain(text: str) -> str:
    """Characters that Discord would read as markup."""
    return re.sub(r"([*~`|])", r"\\\1", text).replace("_", "\\_")


class _Reader:
    def __init__(self, pieces: list[str]) -> None:
        self._pieces, self._place = pieces, 0

    def group(self, closer: str | None, depth: int) -> str:
        """Until the closer, or the end."""
        if depth > DEEPEST:
            raise _Unknown
        pieces: list[str] = []
        while self._place < len(self._pieces):
            piece = self._next()
            if piece == closer:
                return "".join(pieces)
            if piece in ("^", "_"):
                pieces.append(self._shifted(piece, depth))
            elif piece in ("}", "&"):
                raise _Unknown
            else:
                pieces.append(self._one(piece, depth))
        if closer is not None:
            raise _Unknown
        return "".join(pieces)

    def _next(self) -> str:
        piece = self._pieces[self._place]
        self._place += 1
        return piece

    def _one(self, piece: str, depth: int) -> str:
        if piece == "{":
            return self.group("}", depth + 1)
        if piece.isspace():
            return " "
        if not piece.startswith("\\"):
            return {"'": "′", "*": "∗"}.get(piece, piece)
        return self._command(piece[1:], depth)

    def _command(self, name: str, depth: int) -> str:
        for table, form in ((GREEK, "{}"), (SIGNS, "{}"), (SPACES, "{}"), (RELATIONS, " {} ")):
            if name in table:
                return form.format(table[name])
        if name in SILENT:
            return ""
        if name in WORDS:
            return f"{name}" if self._peek() in ("^", "_", "(", "{") else f"{name} "
        if name in WRAPPERS:
            return self._argument(depth)
        if name in ("frac", "dfrac", "tfrac"):
            return self._fraction(depth)
        if name == "begin":
            return self._environment(depth)
        if name in ("binom", "dbinom"):
            return f"C({self._argument(depth)}, {self._argument(depth)})"
        if name == "sqrt":
            return self._root(depth)
        if name == "mathbb":
            inner = self._argument(depth)
            return DOUBLE.get(inner, inner)
        if name in ACCENTS:
            inner = self._argument(depth)
            if len(inner) == 1:
                return inner + ACCENTS[name]
        raise _Unknown

    def _peek(self) -> str:
        return self._pieces[self._place] if self._place < len(self._pieces) else ""

    def _argument(self, depth: int) -> str:
        while self._peek().isspace():
            self._place += 1
        if not self._peek():
            raise _Unknown
        piece = self._next()
        if piece in ("^", "_", "}", "&"):
            raise _Unknown
        return self._one(piece, depth + 1).strip()

    def _fraction(self, depth: int) -> str:
        above, below = self._argument(depth), self._argument(depth)
        if f"{above}/{below}" in FRACTIONS:
            return FRACTIONS[f"{above}/{below}"]
        product = f"({above})" if SUM.search(above) else above
        written = f"{product}/{_bracketed(below)}"
        # The following characters would be read as part of the subscript.
        following = self._peek()
        return f"({written})" if following.isalnum() or following.startswith(("\\", "^")) else written

    def _environment(self, depth: int) -> str:
        """Lines below each other; a matrix as [1 2; 3 4]."""
        name = self._name()
        cells = [[""]]
        start = self._place
        while True:
            if self._place >= len(self._pieces) or depth > DEEPEST:
                raise _Unknown
            piece = self._next()
            if piece == "\\end":
                break
            if piece == "&":
                cells[-1].append("")
            elif piece == "\\\\":
                cells.append([""])
            elif piece in ("^", "_"):
                cells[-1][-1] += self._shifted(piece, depth)
            elif piece == "}" or self._place - start > LONGEST:
                raise _Unknown
            else:
                cells[-1][-1] += self._one(piece, depth + 1)
        if self._name() != name:
            raise _Unknown
        rows = [[cell.strip() for cell in row] for row in cells if any(cell.strip() for cell in row)]
        if name.rstrip("*") in LINES:
            return "\n".join(" ".join(filter(None, row)) for row in rows)
        if name == "cases":
            return "{ " + "; ".join(", ".join(cell.rstrip(",") for cell in row) for row in rows)
        if name.endswith("matrix"):
            first, last = MATRICES.get(name, ("[", "]"))
            return first + "; ".join(" ".join(row) for row in rows) + last
        raise _Unknown

    def _name(self) -> str:
        """{name} of an environment."""
        if self._peek() != "{":
            raise _Unknown
        self._place += 1
        letters = ""
        while self._place < len(self._pieces) and self._peek() != "}":
            letters += self._next()
        self._place += 1
        return letters

    def _root(self, depth: int) -> str:
        sign = "√"
        if self._peek() == "[":
            self._place += 1
            degree = self.group("]", depth + 1).strip()
            sign = {"2": "√", "3": "∛", "4": "∜"}.get(degree, "")
            if not sign:
                raise _Unknown
        return sign + _bracketed(self._argument(depth))

    def _shifted(self, mark: str, depth: int) -> str:
        """A power or an index: small letters if all of its characters have one, else the mark and brackets."""
        inner = self._argument(depth).replace(" ", "")
        if mark == "^" and inner == "∘":
            return "°"
        table = RAISED if mark == "^" else LOWERED
        if inner and all(letter in table for letter in inner):
            return "".join(table[letter] for letter in inner)
        return f"{mark}{inner}" if len(inner) == 1 else f"{mark}({inner})"


def _bracketed(text: str) -> str:
    return text if len(text) == 1 or SIMPLE.fullmatch(text) else f"({text})"
