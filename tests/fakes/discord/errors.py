"""The refusals of Discord's REST API (documentation: "Opcodes and Status Codes", JSON error codes)."""

from typing import Any


class ApiError(Exception):
    """One refusal. `breach` marks what a correct app never does: it is recorded in `FakeDiscord.violations`.

    A refusal that the world causes (a missing permission, a message that a person deleted) is no breach.
    """

    def __init__(
        self,
        status: int,
        code: int,
        message: str,
        *,
        errors: dict[str, Any] | None = None,
        breach: bool = False,
        extra: dict[str, Any] | None = None,
    ) -> None:
        super().__init__(f"{status} {code} {message} {errors or ''}".rstrip())
        self.status = status
        self.code = code
        self.breach = breach
        self.body: dict[str, Any] = {"message": message, "code": code, **(extra or {})}
        if errors:
            self.body["errors"] = errors


def invalid(path: str, code: str, message: str) -> ApiError:
    """50035 with the nested tree in which Discord names the field: `embeds.0.title` → errors.embeds.0.title._errors."""
    tree: dict[str, Any] = {"_errors": [{"code": code, "message": message}]}
    for part in reversed(path.split(".")):
        tree = {part: tree}
    return ApiError(400, 50035, "Invalid Form Body", errors=tree, breach=True)


def too_long(path: str, limit: int) -> ApiError:
    return invalid(path, "BASE_TYPE_MAX_LENGTH", f"Must be {limit} or fewer in length.")


def bad_length(path: str, least: int, most: int) -> ApiError:
    return invalid(path, "BASE_TYPE_BAD_LENGTH", f"Must be between {least} and {most} in length.")


def required(path: str) -> ApiError:
    return invalid(path, "BASE_TYPE_REQUIRED", "This field is required")


def unauthorized() -> ApiError:
    return ApiError(401, 0, "401: Unauthorized", breach=True)


def unknown_channel() -> ApiError:
    return ApiError(404, 10003, "Unknown Channel")


def unknown_guild() -> ApiError:
    return ApiError(404, 10004, "Unknown Guild")


def unknown_message() -> ApiError:
    return ApiError(404, 10008, "Unknown Message")


def unknown_user() -> ApiError:
    return ApiError(404, 10013, "Unknown User")


def unknown_member() -> ApiError:
    return ApiError(404, 10007, "Unknown Member")


def unknown_emoji() -> ApiError:
    return ApiError(400, 10014, "Unknown Emoji", breach=True)


def unknown_webhook() -> ApiError:
    return ApiError(404, 10015, "Unknown Webhook", breach=True)


def unknown_interaction() -> ApiError:
    return ApiError(404, 10062, "Unknown interaction", breach=True)


def unknown_command() -> ApiError:
    return ApiError(404, 10063, "Unknown application command", breach=True)


def missing_access() -> ApiError:
    return ApiError(403, 50001, "Missing Access")


def missing_permissions() -> ApiError:
    return ApiError(403, 50013, "Missing Permissions")


def empty_message() -> ApiError:
    return ApiError(400, 50006, "Cannot send an empty message", breach=True)


def not_the_author() -> ApiError:
    return ApiError(403, 50005, "Cannot edit a message authored by another user", breach=True)


def cannot_dm() -> ApiError:
    return ApiError(403, 50007, "Cannot send messages to this user")


def token_expired() -> ApiError:
    return ApiError(401, 50027, "Invalid Webhook Token")


def thread_archived() -> ApiError:
    return ApiError(400, 50083, "Thread is archived")


def thread_exists() -> ApiError:
    return ApiError(400, 160004, "A thread has already been created for this message")


def thread_locked() -> ApiError:
    return ApiError(403, 160005, "Thread is locked")


def too_many_old_edits() -> ApiError:
    return ApiError(
        429,
        30046,
        "Maximum number of edits to messages older than 1 hour reached. Try again later.",
        breach=True,
        extra={"retry_after": 3600.0, "global": False},
    )


def already_acknowledged() -> ApiError:
    return ApiError(400, 40060, "Interaction has already been acknowledged.", breach=True)


def too_many_follow_ups() -> ApiError:
    return ApiError(400, 40094, "This interaction has reached the maximum number of follow-up messages", breach=True)


def file_too_large() -> ApiError:
    return ApiError(413, 40005, "Request entity too large", breach=True)


def not_in_this_channel() -> ApiError:
    return ApiError(400, 50024, "Cannot execute action on this channel type", breach=True)


def too_many_creates() -> ApiError:
    return ApiError(429, 30034, "Max number of daily application command creates has been reached (200)", breach=True)


def too_many_commands(most: int) -> ApiError:
    return ApiError(400, 30032, f"Maximum number of application commands reached ({most})", breach=True)
