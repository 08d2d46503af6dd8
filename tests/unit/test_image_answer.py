"""How the pictures of one or more deployments become one answer."""

from typing import Any, cast

import pytest

from antiphon.config.model import Images
from inference_service.domain import (
    AttemptRecord,
    Capabilities,
    CheckedPicture,
    Finish,
    Finished,
    FinishReason,
    Handover,
    ImageRequest,
    Notice,
    NoticeKind,
    Picture,
    Preview,
    Progress,
    Started,
    Usage,
)
from inference_service.failures import FailureKind, UpstreamFailure
from inference_service.providers.seam import Provider
from inference_service.routing.answer.image import LARGEST_SEED, ImageAnswer, Opening
from inference_service.routing.answer.protocol import MOST_FAILED
from inference_service.routing.decide import Standing
from inference_service.routing.journal import Journal
from inference_service.routing.learned import Learned
from inference_service.routing.plan import Deployment
from tests.support.pictures import encoded

NOW = 50.0
DONE = Finish(FinishReason.STOP)
EVERYTHING = frozenset({"negative_prompt", "size", "aspect_ratio", "seed", "steps", "guidance_scale"})


class Declared:
    """A provider of which only the declaration matters."""

    def __init__(self, can: Capabilities) -> None:
        self._can = can

    def capabilities(self, _: str) -> Capabilities:
        return self._can


def deployment(name: str, *, at_once: int = 1, settings: frozenset[str] = EVERYTHING, **can: Any) -> Deployment:
    declared = Declared(Capabilities(image=True, max_count=at_once, settings=settings, **can))
    return Deployment(name, cast("Provider", declared), name.partition("/")[2])


A, B = deployment("p/a"), deployment("q/b")


def answer(count: int = 1, learned: Learned | None = None, **request: Any) -> ImageAnswer:
    return ImageAnswer(ImageRequest("id", "image", "a fox", count=count, **request), learned or Learned(), Images())


def opens(one: ImageAnswer, by: Deployment = A, number: int = 1, reason: str = "", **standing: Any) -> Opening:
    return one.opening(by, Standing(**standing), number, reason, NOW)


def checked(index: int = 0, seed: int | None = None) -> CheckedPicture:
    return CheckedPicture(index, b"pixels", "image/png", 8, 8, seed)


def draws(one: ImageAnswer, opening: Opening, count: int) -> list[Any]:
    """So many pictures of one call, each with the index that its provider gave it."""
    shown = [] if opening.begun else one.begin(opening)
    for index in range(count):
        shown += one.accept(opening, checked(index))
    return shown


def indices(events: list[Any]) -> list[int]:
    return [event.index for event in events if isinstance(event, CheckedPicture)]


# --- how many and which --------------------------------------------------------------------------


def test_one_picture_is_an_answer() -> None:
    reply = answer()
    opening = opens(reply)
    assert (opening.count, opening.first_index) == (1, 0)
    assert draws(reply, opening, 1) == [Started("p/a", 1), checked(0)]
    assert not reply.whole
    assert reply.end(opening, DONE) == []
    assert reply.whole


@pytest.mark.parametrize(("wanted", "at_once", "counts"), [(3, 1, [1, 1, 1]), (5, 2, [2, 2, 1]), (2, 4, [2])])
def test_more_calls_are_made_for_more_pictures(wanted: int, at_once: int, counts: list[int]) -> None:
    one, by = answer(wanted), deployment("p/a", at_once=at_once)
    seen: list[int] = []
    shown: list[Any] = []
    while not one.whole:
        opening = opens(one, by, len(seen) + 1)
        assert opening.first_index == sum(seen)
        seen.append(opening.count)
        shown += draws(one, opening, opening.count)
        one.end(opening, DONE)
    assert seen == counts
    assert indices(shown) == list(range(wanted))


def test_indices_count_on_whatever_the_provider_says() -> None:
    reply = answer(3)
    first, second = opens(reply), opens(reply)
    shown = [*reply.accept(first, checked(7)), *reply.accept(second, checked(0)), *reply.accept(second, checked(0))]
    assert indices(shown) == [0, 1, 2]


def test_a_call_that_draws_fewer_than_it_was_asked_for_is_followed_by_another() -> None:
    one, by = answer(4), deployment("p/a", at_once=4)
    opening = opens(one, by)
    draws(one, opening, 3)
    one.end(opening, DONE)
    assert not one.whole
    again = opens(one, by)
    assert (again.count, again.first_index) == (1, 3)


async def test_pictures_beyond_what_was_asked_for_are_left_out() -> None:
    reply = answer(1)
    draws(reply, opens(reply), 1)
    assert await reply.check(Picture(1, b"not looked at")) == ()


# --- seeds ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("seed", "drawn", "used"), [(5, 0, 5), (5, 2, 7), (None, 2, None), (LARGEST_SEED, 1, 0), (0, 1, 1)]
)
def test_calls_after_the_first_do_not_draw_the_same_picture_again(
    seed: int | None, drawn: int, used: int | None
) -> None:
    reply = answer(4, seed=seed)
    draws(reply, opens(reply), drawn)
    assert opens(reply).request.seed == used
    assert LARGEST_SEED == 2**64 - 1


def test_a_deployment_without_seeds_is_not_given_one() -> None:
    one, by = answer(4, seed=5), deployment("p/a", settings=frozenset())
    draws(one, opens(one, by), 1)
    assert opens(one, by).request.seed is None


# --- settings ------------------------------------------------------------------------------------


def test_a_setting_that_a_deployment_does_not_honour_is_dropped_with_one_notice() -> None:
    one, by = answer(2, steps=9, seed=5), deployment("p/a", settings=frozenset({"seed"}))
    opening = opens(one, by)
    assert (opening.request.steps, opening.request.seed) == (None, 5)
    shown = one.begin(opening)
    assert [(event.kind, event.field) for event in shown if isinstance(event, Notice)] == [
        (NoticeKind.DROPPED, "steps")
    ]
    assert [event for event in one.begin(opens(one, by, 2)) if isinstance(event, Notice)] == []


def test_a_refused_setting_is_dropped_by_this_request_and_later_ones() -> None:
    learned = Learned()
    reply = answer(2, learned, steps=9, seed=5)
    assert opens(reply, without=frozenset({"seed"})).request.seed is None
    learned.refuses_field("p/a", "steps", NOW)
    assert (opens(reply).request.steps, opens(reply).request.seed) == (None, 5)
    assert opens(reply, B).request.steps == 9


def test_a_size_that_the_deployment_does_not_draw_is_fitted_with_a_notice() -> None:
    one, by = answer(size=(700, 700)), deployment("p/a", sizes=((512, 512), (1_024, 1_024)))
    opening = opens(one, by)
    assert opening.size in ((512, 512), (1_024, 1_024))
    assert [event.field for event in one.begin(opening) if isinstance(event, Notice)] == ["size"]
    assert opens(answer(size=(512, 512)), by).size == (512, 512)
    assert opens(answer(), by).size is None


# --- events --------------------------------------------------------------------------------------


def test_other_events_pass_through_unchanged_and_count_as_no_picture() -> None:
    reply = answer()
    opening = opens(reply)
    for event in (Progress("drawing", 0.5), Usage(images=3), Preview(0, "image/jpeg", b"x")):
        assert reply.accept(opening, event) == [event]
    with pytest.raises(UpstreamFailure):
        reply.end(opening, DONE)


def test_a_request_that_waits_is_started_once() -> None:
    reply = answer()
    assert reply.waiting("p/a", 1) == [Started("p/a", 1)]
    assert reply.waiting("p/a", 1) == []
    assert draws(reply, opens(reply), 1) == [checked(0)]


def test_another_deployment_takes_over_without_taking_anything_back() -> None:
    reply = answer(2)
    draws(reply, opens(reply), 1)
    shown = draws(reply, opens(reply, B, 2, "timeout"), 1)
    assert shown == [Handover("p/a", "q/b", "timeout", 0, 2), checked(1)]


def test_a_second_call_of_the_same_deployment_is_no_handover() -> None:
    reply = answer(2)
    draws(reply, opens(reply), 1)
    assert draws(reply, opens(reply, A, 2), 1) == [checked(1)]


def test_finished_pictures_stay_so_nothing_ever_has_to_be_interrupted() -> None:
    reply = answer(2)
    draws(reply, opens(reply), 1)
    assert not reply.began
    assert not reply.ends_when_interrupted
    assert not opens(reply).restarts


# --- checks --------------------------------------------------------------------------------------


async def test_every_picture_is_decoded_before_it_leaves() -> None:
    reply = answer()
    (shown,) = await reply.check(Picture(0, encoded("PNG"), seed=7))
    assert isinstance(shown, CheckedPicture)
    assert (shown.mime, shown.width, shown.height, shown.seed) == ("image/png", 48, 32, 7)


async def test_bytes_that_are_not_a_picture_are_a_failure() -> None:
    with pytest.raises(UpstreamFailure) as caught:
        await answer().check(Picture(0, b"MZ not a picture"))
    assert caught.value.kind is FailureKind.BAD_IMAGE


async def test_a_preview_is_checked_as_well_and_a_bad_one_is_left_out() -> None:
    reply = answer()
    assert await reply.check(Preview(3, "image/png", b"MZ not a picture")) == ()
    (shown,) = await reply.check(Preview(3, "image/png", encoded("PNG")))
    assert isinstance(shown, Preview)
    assert (shown.index, shown.mime) == (3, "image/jpeg")


# --- ends ----------------------------------------------------------------------------------------


def test_a_call_that_ends_without_a_picture_is_no_answer() -> None:
    reply = answer()
    opening = opens(reply)
    reply.begin(opening)
    with pytest.raises(UpstreamFailure) as caught:
        reply.end(opening, DONE)
    assert (caught.value.kind, caught.value.status) == (FailureKind.BAD_RESPONSE, 200)
    assert not reply.whole


def test_pictures_of_an_earlier_call_do_not_make_an_empty_one_good() -> None:
    reply = answer(2)
    first = opens(reply)
    draws(reply, first, 1)
    reply.end(first, DONE)
    with pytest.raises(UpstreamFailure):
        reply.end(opens(reply), DONE)


def test_when_nobody_can_draw_the_rest_the_caller_keeps_what_is_there_and_learns_it() -> None:
    reply = answer(4)
    assert reply.settle_for_less() is None
    assert not reply.whole
    draws(reply, opens(reply), 2)
    rest = reply.settle_for_less()
    assert rest == [Notice(NoticeKind.CHANGED, "count", "Only 2 of 4 pictures could be drawn.")]
    assert reply.whole


def test_the_last_event_counts_calls_and_lists_what_failed() -> None:
    journal = Journal(arrived=0.0)
    for number in range(20):
        journal.fail(journal.begin(f"p/{number}", "key", 0.0), UpstreamFailure(FailureKind.TIMEOUT), 1.0)
    journal.delivers(4.0)
    failed = tuple(AttemptRecord(f"p/{number}", "timeout", 0, 1.0) for number in range(MOST_FAILED))
    finished = answer().finished(DONE, "p/a", journal)
    assert finished == Finished(FinishReason.STOP, "p/a", 0, 4.0, 20, failed)
