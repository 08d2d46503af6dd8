"""The environment of each process of `antiphon up`: only the secrets that it needs.

The service gets no Discord token and the bot no provider key, so a compromised process can leak only its own secrets.
"""

import re
from collections.abc import Iterable, Mapping

from antiphon.config.model import Config

# What programs need to run. Any other variable may be a key under some name, so the bot does not get it.
ORDINARY = re.compile(
    r"PATH|HOME|USER|LOGNAME|USERNAME|USERPROFILE|SHELL|PWD|TERM|COLORTERM|COLUMNS|LINES|NO_COLOR|FORCE_COLOR|LANG|LANGUAGE|LC_\w+"
    r"|TZ|TZDIR|TMPDIR|TMP|TEMP|CI|PYTHON\w+|VIRTUAL_ENV|LD_LIBRARY_PATH|DYLD_\w+|MALLOC_\w+|XDG_\w+"
    r"|SSL_CERT_FILE|SSL_CERT_DIR|REQUESTS_CA_BUNDLE|(?:HTTPS?|ALL|NO)_PROXY"
    r"|SYSTEMROOT|SYSTEMDRIVE|WINDIR|COMSPEC|PATHEXT|APPDATA|LOCALAPPDATA|PROGRAMDATA|GRPC_\w+|OTEL_\w+"
    r"|ANTIPHON_CONFIG|ANTIPHON__\w+",
    re.IGNORECASE,
)


def for_service(config: Config, environ: Mapping[str, str]) -> dict[str, str]:
    """Everything except the bot's own secrets."""
    callers = {caller.token_env for caller in config.service.callers.values() if caller.token_env}
    bots = {config.bot.token_env, config.bot.database_env, config.client.token_env} - callers
    return {name: value for name, value in environ.items() if name not in _with_files(bots)}


def for_bot(config: Config, environ: Mapping[str, str], target: str) -> dict[str, str]:
    """The bot's token, database URL and caller token, and everything that is not a secret."""
    own = _with_files({config.bot.token_env, config.bot.database_env, config.client.token_env})
    chosen = {name: value for name, value in environ.items() if name in own or ORDINARY.fullmatch(name)}
    return {**chosen, "ANTIPHON__CLIENT__TARGET": target}


def _with_files(names: Iterable[str]) -> set[str]:
    return {form for name in names for form in (name, f"{name}_FILE")}
