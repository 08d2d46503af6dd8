"""Messages of a recorded run as HTML: Discord's Markdown, buttons, selects and cards, in a light and a dark theme."""

import base64
import html
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from tests.fakes.discord.model import Message, Revision

SEPARATOR = (255, 0, 255)  # between two pictures on one page
STYLE = """
*{box-sizing:border-box}body{margin:0;font:15px/1.38 'DejaVu Sans',sans-serif;width:max-content}
.strip{padding:14px;display:flex;gap:14px;align-items:flex-start;width:max-content}
.sep{height:6px;background:rgb(255,0,255);width:2400px}
.dark{--bg:#1a1a1e;--card:#222327;--line:#36373d;--fg:#dfe0e2;--dim:#9a9ca3;--code:#2b2d31;--strong:#fff;--btn:#4a4c54;--btnfg:#fff;--link:#7ab0ff}
.light{--bg:#e9eaee;--card:#fff;--line:#d5d7dc;--fg:#2e3035;--dim:#666a73;--code:#f0f1f4;--strong:#0b0c0e;--btn:#e0e2e8;--btnfg:#24262b;--link:#1f5fd0}
.strip{background:var(--bg);color:var(--fg)}
.frame{background:var(--card);border:1px solid var(--line);border-radius:10px;padding:10px 12px}
.phone .frame{width:330px;font-size:14px}.desktop .frame{width:640px}
.cap{color:var(--dim);font-size:12px;margin-bottom:6px}.m{display:flex;gap:10px;margin:8px 0}
.a{width:32px;height:32px;border-radius:50%;flex:none;background:#5865f2;color:#fff;display:grid;place-items:center;font-weight:700}
.p .a{background:#2f8f53}.c{min-width:0;overflow-wrap:anywhere}
.n{font-weight:700;color:var(--strong);font-size:14px}.tag{background:#5865f2;color:#fff;font-size:10px;border-radius:3px;padding:1px 4px;margin-left:5px}
.re,.sub{color:var(--dim);font-size:12px}.re{margin-bottom:2px}a,.at{color:var(--link);text-decoration:none}
blockquote{margin:2px 0;padding-left:9px;border-left:3px solid var(--line)}h2,h3{margin:4px 0;font-size:17px;color:var(--strong)}h3{font-size:15px}
pre{background:var(--code);border:1px solid var(--line);border-radius:5px;padding:7px;font:12px/1.35 'DejaVu Sans Mono',monospace;white-space:pre-wrap;margin:4px 0}
code{background:var(--code);border-radius:3px;padding:0 3px;font:12px 'DejaVu Sans Mono',monospace}
.b{display:inline-block;background:var(--btn);color:var(--btnfg);border-radius:7px;padding:5px 11px;margin:6px 6px 0 0;font-size:13px}
.b.s1{background:#5865f2;color:#fff}.b.s3{background:#248046;color:#fff}.b.s4{background:#da373c;color:#fff}.b.off{opacity:.55}
.sel{border:1px solid var(--line);border-radius:7px;padding:6px 10px;margin-top:6px;color:var(--dim);font-size:13px}
.box{border:1px solid var(--line);border-left:4px solid var(--line);border-radius:8px;padding:8px 12px}hr{border:0;border-top:1px solid var(--line)}
img{max-width:100%;border-radius:8px;margin-top:6px;display:block}
"""


@dataclass(frozen=True)
class Shot:
    """One message as it looked at one moment."""

    message: Message
    revision: Revision

    @property
    def html(self) -> str:
        author, revision = self.message.author, self.revision
        bot = bool(getattr(author, "is_bot", False)) or author is self.message.channel.world.bot
        name = "Antiphon" if bot else author.name
        tag = "<span class=tag>APP</span>" if bot else ""
        answered = self.message.reference
        quoted = plain(answered.content) if answered is not None else ""
        reply = "" if not quoted else f"<div class=re>↱ {html.escape(quoted.partition(chr(10))[0][:44])}</div>"
        private = "видите только вы" if is_russian(self.message.text) else "only you can see this"
        pictures = "".join(
            f"<img width=280 src='data:image/png;base64,{base64.b64encode(one.content).decode()}'>"
            for one in revision.attachments
            if one.content[:4] == b"\x89PNG"
        )
        note = f"<div class=sub>{private}</div>" if self.message.ephemeral else ""
        return (
            f"<div class='m{'' if bot else ' p'}'><div class=a>{html.escape(name[0])}</div><div class=c>{reply}"
            f"<div class=n>{html.escape(name)}{tag}</div>{rich(revision.content)}{pictures}"
            f"{''.join(map(component, revision.components))}{note}</div></div>"
        )


@dataclass(frozen=True)
class Frame:
    caption: str
    shots: Sequence[Shot]

    @property
    def html(self) -> str:
        return f"<div class=frame><div class=cap>{html.escape(self.caption)}</div>{''.join(s.html for s in self.shots)}</div>"


def strip(frames: Sequence[Frame], theme: str, device: str) -> str:
    return f"<div class='strip {theme} {device}'>{''.join(frame.html for frame in frames)}</div>"


def page(strips: Sequence[str]) -> str:
    joined = "<div class=sep></div>".join(strips)
    return f"<!doctype html><meta charset=utf-8><style>{STYLE}</style><body>{joined}<div class=sep></div>"


def is_russian(text: str) -> bool:
    return bool(re.search("[а-яё]", text))


def plain(text: str) -> str:
    return re.sub(r"<[@#][^>]*>|[*_`]", "", text).strip()


def component(body: dict[str, Any]) -> str:
    inner = "".join(map(component, body.get("components", [])))
    match body["type"]:
        case 2:
            off = " off" if body.get("disabled") else ""
            return f"<span class='b s{body.get('style', 2)}{off}'>{html.escape(body.get('label') or '')}</span>"
        case 3 | 5 | 6 | 7 | 8:
            chosen = [one["label"] for one in body.get("options", []) if one.get("default")]
            shown = chosen[0] if chosen else body.get("placeholder") or ""
            return f"<div class=sel>{html.escape(shown)} ▾</div>"
        case 10:
            return f"<div>{rich(body['content'])}</div>"
        case 14:
            return "<hr>"
        case 17:
            return f"<div class=box>{inner}</div>"
        case _:
            return f"<div>{inner}</div>"


def rich(text: str) -> str:
    """Discord's Markdown, as far as the scenes need it."""
    parts = re.split(r"```\w*\n(.*?)```", text, flags=re.DOTALL)
    return "".join(
        f"<pre>{html.escape(part.strip(chr(10)))}</pre>" if number % 2 else _lines(part)
        for number, part in enumerate(parts)
    )


def _lines(text: str) -> str:
    shown = []
    for line in text.strip("\n").split("\n"):
        mark, words = re.match(r"(-# |## |### |> |- )?(.*)", line).groups()  # type: ignore[union-attr] # it matches anything
        words = _inline(words)
        match mark:
            case "-# ":
                shown.append(f"<div class=sub>{words}</div>")
            case "## " | "### ":
                shown.append(f"<h{len(mark) - 1}>{words}</h{len(mark) - 1}>")
            case "> ":
                shown.append(f"<blockquote>{words}</blockquote>")
            case "- ":
                shown.append(f"<div>• {words}</div>")
            case _:
                shown.append(f"<div>{words or '&nbsp;'}</div>")
    return "".join(shown) if text.strip("\n") else ""


def _inline(text: str) -> str:
    safe = html.escape(text, quote=False)
    safe = re.sub(r"\[([^\]]+)\]\((?:&lt;)?https?://[^)\s]+?(?:&gt;)?\)", r"<a>\1</a>", safe)
    safe = re.sub(r"&lt;/([\w -]+):\d+&gt;", r"<span class=at>/\1</span>", safe)
    moment = "около часа назад" if is_russian(text) else "an hour ago"
    if "resets" in text or "обновится" in text:
        moment = "через 9 часов" if is_russian(text) else "in 9 hours"
    safe = re.sub(r"&lt;t:\d+(?::\w)?&gt;", f"<code>{moment}</code>", safe)
    safe = re.sub(r"&lt;@!?\d+&gt;", "<span class=at>@Antiphon</span>", safe)
    safe = re.sub(r"&lt;[#@]&?\d+&gt;", "<span class=at>#general</span>", safe)
    safe = re.sub(r"\*\*(.+?)\*\*", r"<b>\1</b>", safe)
    safe = re.sub(r"(?<!\w)\*(.+?)\*", r"<i>\1</i>", safe)
    return re.sub(r"`(.+?)`", r"<code>\1</code>", safe)
