"""Formulas are text where text can say them, and are left alone where it cannot."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from discord_bot.rendering.formulas import as_text, formulas, readable_formulas
from discord_bot.rendering.readable import readable


@pytest.mark.parametrize(
    ("source", "text"),
    [
        (r"E = mc^2", "E = mc²"),
        (r"\frac{a+b}{2}", "(a+b)/2"),
        (r"\frac{1}{2}mv^2", "½mv²"),
        (r"\frac{dx}{dt}x", "(dx/dt)x"),
        (r"\frac{x}{y+1}", "x/(y+1)"),
        (r"x^{n+1} + y_{i}", "xⁿ⁺¹ + yᵢ"),
        (r"x^{q}", "x^q"),
        (r"e^{-x/q}", "e^(-x/q)"),
        (r"\sqrt{x+1} \leq \sqrt[3]{8}", "√(x+1) ≤ ∛8"),
        (r"\sum_{i=1}^n i", "∑ᵢ₌₁ⁿ i"),
        (r"\alpha \to \infty", "α → ∞"),
        (r"f: \mathbb{R} \to \mathbb{C}", "f: ℝ → ℂ"),
        (r"\text{if } x \neq 0", "if x ≠ 0"),
        (r"\left( 90^\circ \right)", "( 90° )"),
        (r"\hat{x}", "x̂"),
        (r"\sin^2 x + \cos x", "sin² x + cos x"),
        (r"50\%", "50%"),
        (r"\begin{pmatrix}1&2\\3&4\end{pmatrix}", "(1 2; 3 4)"),
        (r"\begin{aligned}a&=b\\c&=d\end{aligned}", "a =b\nc =d"),
        (r"\begin{cases}x & x>0\\0 & \text{else}\end{cases}", "{ x, x>0; 0, else"),
        ("a*b_{QQ}", "a∗b\\_(QQ)"),
    ],
)
def test_a_formula_keeps_its_meaning_as_text(source: str, text: str) -> None:
    assert as_text(source) == text


@pytest.mark.parametrize(
    "source",
    [r"\overline{AB}", r"\underbrace{x}_{y}", "x^{", "{x", "}", r"\frac{1}", r"\begin{foo}x\end{foo}", r"\begin{align}x",
     r"\sqrt[5]{x}", "{" * 40 + "x" + "}" * 40, "^", r"\hat{xy}"],
)  # fmt: skip
def test_a_formula_without_a_text_form_stays_as_it_is(source: str) -> None:
    assert as_text(source) is None
    assert readable_formulas(f"See $${source}$$.") == f"See $${source}$$."


@pytest.mark.parametrize(
    "text",
    [
        "It costs $5 and $10.",
        "Set $HOME and $PATH first.",
        r"A \[note\] and \(aside\).",
        "$ x $",
        "US$3^2 is $9",
        "a$b$c",
    ],
)
def test_dollars_and_brackets_that_are_no_formulas_are_left_alone(text: str) -> None:
    assert readable_formulas(text) == text
    assert not list(formulas(text))


def test_formulas_in_code_are_code() -> None:
    text = "Write `$x^2$`:\n```latex\n$x^2$\n```\nIt is $x^2$."
    assert readable(text) == text.removesuffix("$x^2$.") + "x²."


def test_a_displayed_formula_is_on_its_own_line() -> None:
    assert readable("So $$a^2+b^2=c^2$$ holds.") == "So \n> a²+b²=c²\n holds."
    assert readable("\\[\na_1\n\\]") == "> a₁"


@given(st.text(alphabet="\\{}^_&$()[]ab1 \nfracbeginmatrix", max_size=80))
def test_whatever_a_model_writes_is_read_without_an_error(text: str) -> None:
    as_text(text)
    readable_formulas(text)
    readable(text, growing=True)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("#### Deep", "**Deep**"),
        ("> ##### Deep", "> **Deep**"),
        ("- #### Deep", "- **Deep**"),
        ("### Fine", "### Fine"),
        ("####", "####"),
    ],
)
def test_headings_that_discord_does_not_know_are_bold_also_while_they_grow(text: str, shown: str) -> None:
    assert readable(text) == shown
    assert readable(text, growing=True) == shown


def test_blocks_within_blocks_stay_one_block() -> None:
    text = "```markdown\n# Title\n```python\nprint(1)\n```\nEnd\n```\nAfter"
    lines = readable(text).split("\n")
    assert [number for number, line in enumerate(lines) if line.startswith("```")] == [0, 6]
    assert readable("````\n```\nx\n```\n````").count("```") == 2
    assert readable('```python\nmark = "```"\n```').count("```") == 2


def test_breaks_in_cells_are_commas() -> None:
    assert "a, b" in readable("| x | y |\n| --- | --- |\n| a<br>b | c |")
