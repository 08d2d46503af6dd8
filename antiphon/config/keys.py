"""Recognises keys in places where they do not belong, so that no message repeats them."""

import re

HIDDEN = "…"
# Prefixes that providers use for their keys, followed by enough characters to be a key.
PREFIXED = re.compile(
    r"""(?x) ^ (?: [Bb]earer \s+ )? (?:
        sk-[\w-]{6,} | gsk_\w{6,} | hf_\w{6,} | gh[oprsu]_\w{6,} | github_pat_\w{6,} | glpat-[\w-]{6,} | xai-[\w-]{6,}
      | AIza[\w-]{6,} | AQ\.[\w-]{16,} | pplx-\w{6,} | r8_\w{6,} | nvapi-[\w-]{6,} | csk-\w{6,} | tgp_v1_\w{6,} | fw_\w{10,}
      | AKIA\w{8,} | xox[a-z]-[\w-]{6,} | cfut_\w{6,} | key-\w{6,} | eyJ[\w-]{6,}(?:\.[\w-]+)*
      | [\w-]{20,}\.[\w-]{5,8}\.[\w-]{20,}   # a Discord token
      | [0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}(?:\.\w+|:[\w-]+)?
    )"""
)
RUN = re.compile(r"[A-Za-z0-9]+")
HEXADECIMAL = re.compile(r"[0-9A-Fa-f]+")
LONG_RUN = 16
WORD = re.compile(r"[\w.+/=:~-]{8,}")
USER_INFORMATION = re.compile(r"(?<=://)[^/?#\s@]*@")
ENVIRONMENT_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
# Names that people use for a key in the file.
KEY_NAMES = re.compile(
    r"(?i)(?:.*[_-])?(?:api[_-]?key|key|token|secret|password|passwd|credential|authorization|bearer)"
    r"|(?:api[_-]?)?keys|tokens|secrets|passwords|credentials"
)


def looks_like_key(text: str) -> bool:
    """Whether the text has a known key prefix, or a long mix of letters and digits that no name has."""
    return PREFIXED.match(text.strip()) is not None or any(_mixed(run) for run in RUN.findall(text))


def is_certainly_key(text: str) -> bool:
    """Like `looks_like_key`, but accepts long identifiers such as an account id (32 hexadecimal digits)."""
    runs = (run for run in RUN.findall(text) if not HEXADECIMAL.fullmatch(run))
    return PREFIXED.match(text.strip()) is not None or any(_mixed(run) for run in runs)


def _mixed(run: str) -> bool:
    if len(run) < LONG_RUN:
        return False
    digits = sum(character.isdigit() for character in run)
    hexadecimal = len(run) >= 2 * LONG_RUN and HEXADECIMAL.fullmatch(run) is not None
    return hexadecimal or 2 <= digits < len(run)


def is_environment_name(text: str) -> bool:
    """Whether the text can be the name of an environment variable and is not a key."""
    return ENVIRONMENT_NAME.fullmatch(text) is not None and len(text) <= 128 and not looks_like_key(text)


def redacted(text: str) -> str:
    """The text without keys, and without the user information of URLs."""
    text = USER_INFORMATION.sub(f"{HIDDEN}@", text)
    return WORD.sub(lambda word: HIDDEN if looks_like_key(word[0]) else word[0], text)


def shown(value: object) -> str:
    """A wrong value as an error message may repeat it. Only short values, because keys are long. Empty: not shown."""
    text = str(value)
    if isinstance(value, dict | list) or len(text) > LONG_RUN or "@" in text or looks_like_key(text):
        return ""
    return repr(text)
