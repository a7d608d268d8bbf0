"""`doctor`: looks at everything that a sync needs, and says how to mend what is wrong."""

from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing
from dataclasses import dataclass
from datetime import timedelta
from typing import Literal

from osfsync.app.rooms import USER_AGENT, Password
from osfsync.app.runs import SHARE
from osfsync.archive.local import LocalArchive
from osfsync.archive.paths import check_layout
from osfsync.cloud.client import CloudClient, open_client
from osfsync.cloud.settings import CloudSettings, LimitSettings
from osfsync.config import Settings
from osfsync.domain.errors import ExitCode, ForbiddenError, OsfsyncError
from osfsync.domain.model import Tenant, TimeWindow, utc_now
from osfsync.reports.text import amount, count, duration, size
from osfsync.state import maintenance
from osfsync.state.location import database_path
from osfsync.state.share import network_share

CLOCK_TOLERANCE = timedelta(minutes=2)
ROOM_TOLERANCE = 1_000_000_000
"""Bytes of free space below which a warning is due."""

DEVICES_TRIED = 5


@dataclass(frozen=True, slots=True)
class Finding:
    """What one check found. `exit_code` is what a sync would end with for it."""

    grade: Literal["ok", "warning", "error"]
    subject: str
    text: str
    exit_code: ExitCode = ExitCode.COMPLETE


async def examine(settings: Settings, password: Password) -> AsyncGenerator[Finding]:
    """Run every check that the ones before it allow; each finding comes as soon as it is made."""
    yield await _tried("archive", lambda: _archive(settings))
    yield await _tried("database", lambda: _database(settings))
    try:
        async with (
            open_client(settings.cloud, settings.limits, password=password, user_agent=USER_AGENT) as client,
            aclosing(_platform(client)) as findings,
        ):
            async for finding in findings:
                yield finding
    except OsfsyncError as error:
        yield Finding("error", "platform", str(error), error.exit_code)


async def tenants_of(url: str, username: str, password: str) -> list[Tenant]:
    """The tenants that an account reaches. Raises LoginRefusedError, CloudError, ConfigError."""
    cloud = CloudSettings(url=url, username=username)

    async def ask() -> str:
        return password

    async with open_client(cloud, LimitSettings(), password=ask, user_agent=USER_AGENT) as client:
        return await client.tenants()


async def _tried(subject: str, check: Callable[[], Awaitable[Finding]]) -> Finding:
    try:
        return await check()
    except OsfsyncError as error:
        return Finding("error", subject, str(error), error.exit_code)


async def _archive(settings: Settings) -> Finding:
    check_layout(settings.archive.layout)
    archive = LocalArchive(settings.archive.path)
    await archive.check()
    free = await archive.free_space()
    if free < ROOM_TOLERANCE:
        return Finding(
            "warning", "archive", f"{settings.archive.path} is writable, but only {size(free)} are free."
        )
    return Finding("ok", "archive", f"{settings.archive.path} is writable, {size(free)} are free.")


async def _database(settings: Settings) -> Finding:
    before, _ = await maintenance.upgrade(settings.state)
    problems = await maintenance.check(settings.state)
    if problems:
        return Finding(
            "error",
            "database",
            f"{problems[0]} ({len(problems)} problems). Put back a backup made with `osfsync db backup`.",
            ExitCode.UNEXPECTED,
        )
    share = network_share(database_path(settings.state))
    if share:
        return Finding("warning", "database", SHARE.format(share))
    return Finding("ok", "database", "created and sound." if before is None else "sound.")


async def _platform(client: CloudClient) -> AsyncGenerator[Finding]:
    tenant = await client.tenant()
    yield Finding("ok", "login", f"accepted; tenant {tenant.name!r}.")
    yield _clock(client.clock_offset)
    devices = await client.devices()
    yield Finding("ok", "devices", f"the tenant lists {amount(len(devices), 'device')}.")
    if not devices:
        return
    window = TimeWindow(utc_now() - timedelta(days=1), utc_now())
    refused = []
    for device in devices[:DEVICES_TRIED]:
        try:
            async for _ in client.files(device, window):
                pass
        except ForbiddenError:
            refused.append(device.name)
        except OsfsyncError as error:
            yield Finding("error", "file list", str(error), ExitCode.PARTIAL)
    yield _permissions(min(len(devices), DEVICES_TRIED), len(devices), refused)


def _clock(offset: timedelta | None) -> Finding:
    if offset is None:
        return Finding("warning", "clock", "the platform does not tell its time; it can't be compared.")
    if abs(offset) > CLOCK_TOLERANCE:
        way = "behind" if offset > timedelta(0) else "ahead of"
        return Finding(
            "warning",
            "clock",
            f"this computer is {duration(abs(offset))} {way} the platform; set its clock by NTP.",
        )
    return Finding("ok", "clock", "agrees with the platform's.")


def _permissions(tried: int, devices: int, refused: list[str]) -> Finding:
    looked_at = f"{count(tried)} of {amount(devices, 'device')} {'was' if tried == 1 else 'were'} tried"
    if not refused:
        return Finding("ok", "permissions", f"{looked_at}; their credentials and file lists can be read.")
    return Finding(
        "warning",
        "permissions",
        f"{looked_at}; {len(refused)} of these {'refuses its' if len(refused) == 1 else 'refuse their'} "
        f"credentials ({', '.join(refused)}): what lies only there can't be seen. "
        "Ask an administrator for the permission to view device credentials.",
    )
