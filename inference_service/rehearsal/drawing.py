"""Stacked bars as SVG: small, readable in light and dark, with a text alternative."""

from collections.abc import Sequence
from html import escape

COLOURS = ("#2f7d4f", "#c77d0a", "#b3261e", "#3b6ea8")
WIDTH, HEIGHT, LEFT, TOP, BOTTOM = 760, 260, 60, 40, 30


def bars(title: str, names: Sequence[str], rows: Sequence[tuple[str, Sequence[float]]]) -> str:
    """`rows`: a label and one number per name."""
    most = max((sum(numbers) for _, numbers in rows), default=0) or 1
    plot, step = HEIGHT - TOP - BOTTOM, (WIDTH - LEFT - 10) / max(1, len(rows))
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" role="img"',
        ' font-family="sans-serif" font-size="12">',
        f"<title>{escape(title)}</title>",
        "<style>text{fill:#333}line{stroke:#bbb}@media(prefers-color-scheme:dark){text{fill:#ddd}line{stroke:#555}}</style>",
        f'<text x="{LEFT}" y="16" font-size="14">{escape(title)}</text>',
    ]
    for number, name in enumerate(names):
        x = LEFT + 150 * number
        parts.append(f'<rect x="{x}" y="24" width="10" height="10" fill="{COLOURS[number]}"/>')
        parts.append(f'<text x="{x + 15}" y="33">{escape(name)}</text>')
    for share in (0.0, 0.5, 1.0):
        level = TOP + plot * (1 - share)
        parts.append(f'<line x1="{LEFT}" x2="{WIDTH - 10}" y1="{level:.1f}" y2="{level:.1f}"/>')
        parts.append(f'<text x="{LEFT - 6}" y="{level + 4:.1f}" text-anchor="end">{most * share:,.0f}</text>')
    every = max(1, len(rows) // 16)
    for place, (label, numbers) in enumerate(rows):
        left, top = LEFT + step * place, float(TOP + plot)
        for number, value in enumerate(numbers):
            height = plot * value / most
            top -= height
            parts.append(
                f'<rect x="{left + step * 0.1:.1f}" y="{top:.1f}" width="{step * 0.8:.1f}" height="{height:.1f}" '
                f'fill="{COLOURS[number]}"/>'
            )
        if place % every == 0:
            parts.append(
                f'<text x="{left + step / 2:.1f}" y="{HEIGHT - 10}" text-anchor="middle">{escape(label)}</text>'
            )
    return "\n".join([*parts, "</svg>", ""])
