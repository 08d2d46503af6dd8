"""The two services are installed by extras; without them the command says so instead of a stack trace."""

from importlib.util import find_spec

# The part → its extra, and a package that only this extra brings.
EXTRAS = {"inference_service": ("service", "aiohttp"), "discord_bot": ("bot", "discord")}


def missing(part: str) -> str:
    """What to do when it cannot be started; empty when it can."""
    extra, package = EXTRAS[part]
    if find_spec(package) is not None:
        return ""
    return f"this part is not installed: pip install 'antiphon[{extra}]'"
