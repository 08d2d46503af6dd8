"""What a person wants to read at the start: which keys were found, what is missing, and where to get the next free key."""

from collections.abc import Mapping

from inference_service.providers.catalogue.row import Row
from inference_service.routing.build import ANONYMOUS, Parts

NEEDS = {
    "chat": "answers questions",
    "vision": "looks at pictures",
    "image": "draws",
    "transcribe": "understands voice messages",
}


def notes(parts: Parts) -> list[str]:
    """Sentences for the log and the terminal."""
    providers = parts.plan.providers
    present = []
    for name, provider in providers.items():
        count = sum(key != ANONYMOUS for key in parts.secrets[name])
        keys = "no key needed" if not count else "1 key" if count == 1 else f"{count} keys"
        present.append(f"{provider.declaration.title} ({keys})")
    said = [f"Found: {', '.join(present)}."]
    routes = {route.model for route in parts.plan.routes}
    said += [f"Nothing {does}: the model {name} is not offered." for name, does in NEEDS.items() if name not in routes]
    kinds = {provider.declaration.kind for provider in providers.values()}
    row = next_free(parts.rows, kinds)
    if row is not None:
        said.append(
            f"Another free key: {row.title}, {row.about.limits}. Get it at {row.about.signup} and set {row.env[0]}."
        )
    return said


def next_free(rows: Mapping[str, Row], present: set[str]) -> Row | None:
    """The first provider of the catalogue with a permanent free tier that is not in use yet."""
    return next((row for kind, row in rows.items() if row.tier == "recurring" and kind not in present), None)
