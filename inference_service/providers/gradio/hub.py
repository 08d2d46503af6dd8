"""What the hub says about a Space: its host, and why its app does not answer.

Source: Hugging Face's documents on Spaces and their `runtime` answer, as the hub's own clients read it.
"""

import re
from urllib.parse import quote

from inference_service.failures import FailureKind, UpstreamFailure
from inference_service.providers.gradio.app import decode
from inference_service.providers.kit.http import HttpClient, read

WAITING = ("BUILDING", "APP_STARTING", "RUNNING_BUILDING", "RUNNING_APP_STARTING", "SLEEPING")
START_TIME = 60.0  # seconds that a Space usually takes


def host_of(space: str) -> str:
    """`owner/Some.Name` → https://owner-some-name.hf.space"""
    return f"https://{re.sub(r'[^a-z0-9]+', '-', space.lower()).strip('-')}.hf.space"


async def why_not(http: HttpClient, hub: str, space: str, status: int, secret: str | None) -> UpstreamFailure:
    """For an app that answered with a page: the Space is asleep, building, paused, broken, private or gone."""
    stage, known = await _stage(http, hub, space, secret) if space else ("", True)
    if stage in WAITING:
        words = f"the Space is not up yet ({_words(stage)})"
        return UpstreamFailure(FailureKind.LOADING, words, status=503, wake_after=START_TIME)
    if stage and stage != "RUNNING":
        words = f"the Space is not running ({_words(stage)}); only its owner can restart it"
        return UpstreamFailure(FailureKind.RETIRED, words, status=status)
    if status == 401 or (status == 404 and known and space):
        words = "the Space is private, and the token may not read it"
        return UpstreamFailure(FailureKind.FORBIDDEN, words, status=status)
    if status == 404 or not known:
        return UpstreamFailure(
            FailureKind.MODEL_NOT_FOUND, "there is no such Space, or the token may not see it", status=404
        )
    return UpstreamFailure(FailureKind.UNAVAILABLE, "the Space does not answer as a Gradio app does", status=status)


async def _stage(http: HttpClient, hub: str, space: str, secret: str | None) -> tuple[str, bool]:
    """(the Space's stage or nothing, whether the hub knows the Space)."""
    head = {"Authorization": f"Bearer {secret}"} if secret else {}
    try:
        async with http.request("GET", f"{hub}/api/spaces/{quote(space, safe='/')}/runtime", headers=head) as response:
            if response.status != 200:
                # The hub answers 401 for missing Spaces as well, so that nobody can probe for private ones.
                return "", response.status not in (401, 404)
            answer = decode(await read(response, 65_536))
    except UpstreamFailure:
        return "", True
    return (str(answer.get("stage", "")) if isinstance(answer, dict) else ""), True


def _words(stage: str) -> str:
    return stage.lower().replace("_", " ")
