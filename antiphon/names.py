"""The plain words for what the contract says in messages and enums: deployments as "provider/model", classes in lower case."""

from collections.abc import Iterable

from antiphon.v1 import common_pb2

FAILURE_PREFIX, STAGE_PREFIX = "FAILURE_CLASS_", "STAGE_KIND_"
FAILURES = {name.removeprefix(FAILURE_PREFIX).lower(): number for name, number in common_pb2.FailureClass.items()}
STAGES = {name.removeprefix(STAGE_PREFIX).lower(): number for name, number in common_pb2.StageKind.items()}
FAILURE_WORDS = {number: word for word, number in FAILURES.items() if number}
STAGE_WORDS = {number: word for word, number in STAGES.items() if number}


def deployment(given: common_pb2.Deployment) -> str:
    """ "provider/model"; empty where there is none."""
    return f"{given.provider}/{given.model}" if given.provider else ""


def deployment_of(name: str) -> common_pb2.Deployment | None:
    """The message of "provider/model"; None where there is none."""
    provider, _, model = name.partition("/")
    return common_pb2.Deployment(provider=provider, model=model) if provider else None


def deployments_of(names: Iterable[str]) -> list[common_pb2.Deployment]:
    """The message of each."""
    return [made for name in names if (made := deployment_of(name)) is not None]


def failure(given: common_pb2.FailureClass.ValueType) -> str:
    """ "stream_cut"; empty for none, and for one that this version does not know."""
    return FAILURE_WORDS.get(given, "")


def failure_of(word: str) -> common_pb2.FailureClass.ValueType:
    """The class of a word such as "stream_cut"; unspecified for any other."""
    return FAILURES.get(word, common_pb2.FAILURE_CLASS_UNSPECIFIED)


def stage(given: common_pb2.StageKind.ValueType) -> str:
    """ "queued"; empty for none, and for one that this version does not know."""
    return STAGE_WORDS.get(given, "")


def stage_of(word: str) -> common_pb2.StageKind.ValueType:
    """The kind of a stage, as far as its word tells."""
    return STAGES.get(word.strip().lower(), common_pb2.STAGE_KIND_UNSPECIFIED)
