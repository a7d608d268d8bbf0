"""Every error a person may see: what happened, whether trying again helps, which exit code it means.

The exit codes are a contract with the scripts of users: an unknown code means failure.
"""

from collections.abc import Iterator
from enum import IntEnum
from typing import ClassVar


class ExitCode(IntEnum):
    """How a command ended."""

    COMPLETE = 0  # all that can be had is here; files still on devices are no error
    UNEXPECTED = 1
    USAGE = 2  # usage or configuration
    PARTIAL = 3  # finished, some files or devices failed
    PENDING = 4  # files pending or lost, and --fail-on was given
    MAX_TRANSFER = 8
    DISK_FULL = 9
    MAX_DURATION = 10
    LOCKED = 11  # another run holds the lock
    LOGIN_REFUSED = 12
    UNREACHABLE = 13  # server unreachable or device list incomplete
    PAUSED = 14  # by the user, on the platform
    INTERRUPTED = 130
    TERMINATED = 143


class OsfsyncError(Exception):
    """Base of all errors that osfsync raises on purpose.

    Attributes:
        message: what happened, to which device and file.
        hint: what to do next; may be empty.
        slug: a short, stable name for reports and scripts.
    """

    exit_code: ClassVar[ExitCode] = ExitCode.UNEXPECTED
    retryable: ClassVar[bool] = False
    slug: ClassVar[str] = "unexpected"

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message} {self.hint}".rstrip()


class ConfigError(OsfsyncError):
    """The configuration or the command line can't be used as it is."""

    exit_code = ExitCode.USAGE
    slug = "configuration"


class LockedError(OsfsyncError):
    """Another run works on the same state."""

    exit_code = ExitCode.LOCKED
    slug = "locked"


class DiskFullError(OsfsyncError):
    """No space (or no quota) is left where the archive or the state lies."""

    exit_code = ExitCode.DISK_FULL
    slug = "disk-full"


class ArchiveError(OsfsyncError):
    """The archive's folder can't be used: missing, not writable, not a folder."""

    exit_code = ExitCode.USAGE
    slug = "archive"


class StateError(OsfsyncError):
    """The state database can't be used: newer than this version, not writable, not a database."""

    exit_code = ExitCode.USAGE
    slug = "state"


class StateDamagedError(StateError):
    """The state database is damaged."""

    exit_code = ExitCode.UNEXPECTED
    slug = "state-damaged"


class DamagedError(OsfsyncError):
    """The bytes that arrived are not the file.

    Attributes:
        check: the name of the check that failed, such as `length` or `gzip-end`.
        sha256: of the complete bytes, in hex, where the same bytes again would prove damage at the source.
    """

    exit_code = ExitCode.PARTIAL
    retryable = True
    slug = "damaged"

    def __init__(self, check: str, message: str) -> None:
        super().__init__(message)
        self.check = check
        self.sha256: str | None = None


class CloudError(OsfsyncError):
    """The platform did not give what was asked for.

    Attributes:
        put_off: the load of all requests was the reason, and not this one: it does not count as a try.
        pause: seconds that the platform asks to wait before this request is sent again.
    """

    exit_code = ExitCode.UNREACHABLE
    slug = "cloud"
    put_off: bool = False
    pause: float = 0.0


class LoginRefusedError(CloudError):
    """The platform does not accept the user name and password."""

    exit_code = ExitCode.LOGIN_REFUSED
    slug = "login-refused"


class UnauthorizedError(CloudError):
    """401 for one call though the login is accepted."""

    slug = "unauthorized"


class TenantError(CloudError):
    """The configured tenant is unknown, or none is configured where the account reaches several."""

    exit_code = ExitCode.USAGE
    slug = "tenant"


class UnreachableError(CloudError):
    """No connection: name not found, refused, TLS, proxy, or time out while connecting."""

    retryable = True
    slug = "unreachable"


class InterruptedBodyError(CloudError):
    """A connection broke, stalled or fell silent while an answer was under way."""

    retryable = True
    slug = "connection-broken"


class ServerError(CloudError):
    """The platform answered with a 5xx status."""

    retryable = True
    slug = "server-error"


class BusyError(CloudError):
    """The platform asks for patience: 429, or 503 with Retry-After."""

    retryable = True
    slug = "busy"


class ForbiddenError(CloudError):
    """403: the account lacks a permission."""

    slug = "no-permission"


class NotFoundError(CloudError):
    """404 or 410: the platform does not know the thing (any more)."""

    slug = "not-found"


class TokenGoneError(NotFoundError):
    """404 or 410 to the second step of a download: the token ran out, or the file is gone."""


class RefusedError(CloudError):
    """Another 4xx: the platform does not take the request as it is."""

    slug = "refused"


class TooLargeError(CloudError):
    """A file has more bytes than the user wants of one."""

    slug = "too-large"


class ProtocolError(CloudError):
    """The answer can't be read as what the API page promises."""

    slug = "bad-answer"


def leaves(error: BaseException) -> Iterator[BaseException]:
    """All single errors inside nested exception groups, in order."""
    if isinstance(error, BaseExceptionGroup):
        for inner in error.exceptions:
            yield from leaves(inner)
    else:
        yield error
