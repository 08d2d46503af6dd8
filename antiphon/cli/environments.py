"""What each process of `antiphon up` gets of the environment: only the secrets that it needs.

The service knows no Discord token, the bot no provider's key. A process that is broken into can give away only its own.
"""

import re
from collections.abc import Iterable, Mapping

from antiphon.config.model import Config

# What programs need to run at all. Everything else may be a key under any name, so the bot does not get it.
ORDINARY = re.compile(
    r"PATH|HOME|USER|LOGNAME|USERNAME|USERPROFILE|SHELL|PWD|TERM|COLORTERM|COLUMNS|LINES|NO_COLOR|FORCE_COLOR|LANG|LANGUAGE|LC_\w+"
    r"|TZ|TZDIR|TMPDIR|TMP|TEMP|CI|PYTHON\w+|VIRTUAL_ENV|LD_LIBRARY_PATH|DYLD_\w+|MALLOC_\w+|XDG_\w+"
    r"|SSL_CERT_FILE|SSL_CERT_DIR|REQUESTS_CA_BUNDLE|(?:HTTPS?|ALL|NO)_PROXY"
    r"|SYSTEMROOT|SYSTEMDRIVE|WINDIR|COMSPEC|PATHEXT|APPDATA|LOCALAPPDATA|PROGRAMDATA|GRPC_\w+|OTEL_\w+"
    r"|ANTIPHON_CONFIG|ANTIPHON__\w+",
    re.IGNORECASE,
)


def for_service(config: Config, environ: Mapping[str, str]) -> dict[str, str]:
    """Everything but what is the bot's alone."""
    callers = {caller.token_env for caller in config.service.callers.values() if caller.token_env}
    bots = {config.bot.token_env, config.bot.database_env, config.client.token_env} - callers
    return {name: value for name, value in environ.items() if name not in _with_files(bots)}


def for_bot(config: Config, environ: Mapping[str, str], target: str) -> dict[str, str]:
    """Its token, its database, its token as a caller, and what is no secret."""
    own = _with_files({config.bot.token_env, config.bot.database_env, config.client.token_env})
    chosen = {name: value for name, value in environ.items() if name in own or ORDINARY.fullmatch(name)}
    return {**chosen, "ANTIPHON__CLIENT__TARGET": target}


def _with_files(names: Iterable[str]) -> set[str]:
    return {form for name in names for form in (name, f"{name}_FILE")}
