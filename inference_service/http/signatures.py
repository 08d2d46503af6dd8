"""Signatures of tool calls: what a provider wants to see again with a call, in `extra_content`. Pure.

Gemini's own compatibility API has them in `extra_content.google.thought_signature`; clients that know it keep them there.
"""

import base64
from typing import Any

GOOGLE = b"gemini:"  # how a signature of this provider begins in the contract


def written(signature: bytes) -> dict[str, Any]:
    if signature.startswith(GOOGLE):
        return {"google": {"thought_signature": signature.removeprefix(GOOGLE).decode(errors="replace")}}
    return {"antiphon": {"signature": base64.b64encode(signature).decode()}}


def read(content: Any) -> bytes:
    """Empty where there is none, or where it cannot be one: a call without its signature is still a call."""
    own, google = _member(content, "antiphon", "signature"), _member(content, "google", "thought_signature")
    try:
        return GOOGLE + google.encode() if google else base64.b64decode(own, validate=True)
    except ValueError:
        return b""


def _member(content: Any, vendor: str, name: str) -> str:
    members = content.get(vendor) if isinstance(content, dict) else None
    value = members.get(name) if isinstance(members, dict) else None
    return value if isinstance(value, str) else ""
