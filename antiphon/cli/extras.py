"""What is installed: the services are extras of the package, and `antiphon --version` describes the platform."""

import json
import platform
import sys
from importlib.metadata import PackageNotFoundError, distribution, version
from importlib.util import find_spec

# The part → its extra, and a package that only this extra installs.
EXTRAS = {"inference_service": ("service", "aiohttp"), "discord_bot": ("bot", "discord")}
SHOWN = ("grpcio", "protobuf", "pydantic", "discord.py")


def missing(part: str) -> str:
    """How to install a part that is not installed; empty if it is."""
    extra, package = EXTRAS[part]
    if find_spec(package) is not None:
        return ""
    return f"this part is not installed: pip install {requirement(extra)}"


def requirement(extra: str) -> str:
    """The quoted requirement that adds an extra to this installation, from the place it was installed from."""
    try:
        origin = json.loads(distribution("antiphon").read_text("direct_url.json") or "{}")
    except (PackageNotFoundError, ValueError):
        origin = {}
    url = origin.get("url", "") if isinstance(origin, dict) else ""
    return f"'antiphon[{extra}] @ {url}'" if url else f"'antiphon[{extra}]'"


def version_text() -> str:
    """Version and platform, as bug reports need them. Nothing here identifies a person or a machine."""
    parts = [extra for extra, package in EXTRAS.values() if find_spec(package) is not None]
    libraries = ", ".join(f"{name} {number}" for name in SHOWN if (number := _version(name)))
    return "\n".join(
        (
            f"antiphon {_version('antiphon') or 'unknown'}",
            f"{platform.python_implementation()} {platform.python_version()} on {platform.platform(terse=True)}, "
            + platform.machine(),
            f"{libraries}; installed: {', '.join(('client', *parts))}",
            f"encodings: stdout {sys.stdout.encoding}, files {sys.getfilesystemencoding()}",
        )
    )


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return ""
