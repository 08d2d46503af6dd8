"""Plain words for messages and enums of the contract: deployments as "provider/model", classes in lower case."""

from collections.abc import Iterable

from antiphon.v1 import common_pb2

FAILURE_PREFIX, STAGE_PREFIX = "FAILURE_CLASS_", "STAGE_KIND_"
FAILURES = {name.removeprefix(FAILURE_PREFIX).lower(): number for name, number in common_pb2.FailureClass.items()}
STAGES = {name.removeprefix(STAGE_PREFIX).lower(): number for name, number in common_pb2.StageKind.items()}
FAILURE_WORDS = {number: word for word, number in FAILURES.items() if number}
STAGE_WORDS = {number: word for word, number in STAGES.items() if number}


def deployment(message: common_pb2.Deployment) -> str:
    """ "provider/model"; empty if there is none."""
    return f"{message.provider}/{message.model}" if message.provider else ""


def deployment_of(name: str) -> common_pb2.Deployment | None:
    """The message of "provider/model"; None for an empty name."""
    provider, _, model = name.partition("/")
    return common_pb2.Deployment(provider=provider, model=model) if provider else None


def deployments_of(names: Iterable[str]) -> list[common_pb2.Deployment]:
    """The message of each."""
    return [message for name in names if (message := deployment_of(name)) is not None]


def failure(number: common_pb2.FailureClass.ValueType) -> str:
    """ "stream_cut"; empty for none and for a value that this version does not know."""
    return FAILURE_WORDS.get(number, "")


def failure_of(word: str) -> common_pb2.FailureClass.ValueType:
    """The class of a word such as "stream_cut"; unspecified for any other."""
    return FAILURES.get(word, common_pb2.FAILURE_CLASS_UNSPECIFIED)


def stage(number: common_pb2.StageKind.ValueType) -> str:
    """ "queued"; empty for none and for a value that this version does not know."""
    return STAGE_WORDS.get(number, "")


def stage_of(word: str) -> common_pb2.StageKind.ValueType:
    """The kind that the text of a stage names."""
    return STAGES.get(word.strip().lower(), common_pb2.STAGE_KIND_UNSPECIFIED)
