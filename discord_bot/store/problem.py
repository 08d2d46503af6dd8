"""Why a database cannot be used, in one line for the person who starts the bot."""

import re

from sqlalchemy.exc import DBAPIError

LONGEST = 300
DRIVER_PREFIX = re.compile(r"^<class '[^']*'>: ")


class DatabaseProblem(Exception):
    """The text never holds the URL, which may contain a password."""


class BadAddress(DatabaseProblem):
    """The URL is not one that the bot can use."""


class NewerDatabase(DatabaseProblem):
    """A later version of the bot has written the database; this one would damage it."""


def own_words(error: BaseException) -> str:
    """What the database itself said, without the driver's wrapping."""
    cause = error.orig if isinstance(error, DBAPIError) and error.orig is not None else error
    said = DRIVER_PREFIX.sub("", str(cause)).strip().partition("\n")[0]
    if isinstance(cause, TimeoutError) and not said:
        return "the server does not answer"
    return (said or type(cause).__name__)[:LONGEST]
