"""`doctor`: looks at everything that a sync needs, and says how to mend what is wrong."""

import os
from collections.abc import AsyncGenerator
from contextlib import aclosing
from datetime import timedelta
from pathlib import Path

from yarl import URL

from osfsync.app.examine_here import here
from osfsync.app.examine_platform import platform
from osfsync.app.examined import Finding
from osfsync.app.remote import EXPECTED, Odd, set_there
from osfsync.app.rooms import USER_AGENT, Password
from osfsync.cloud.client import open_client
from osfsync.cloud.proxies import proxy_for
from osfsync.cloud.settings import CloudSettings, LimitSettings
from osfsync.config import Settings
from osfsync.domain.errors import OsfsyncError
from osfsync.domain.model import Tenant
from osfsync.reports.text import duration


async def examine(
    settings: Settings, password: Password, configuration: tuple[Path, ...] = ()
) -> AsyncGenerator[Finding]:
    """Run every check that the ones before it allow; each finding comes as soon as it is made."""
    async with aclosing(here(settings, configuration)) as findings:
        async for finding in findings:
            yield finding
    try:
        proxy = proxy_for(URL(settings.cloud.url), settings.cloud.proxy, os.environ)
        if proxy is not None:
            yield Finding("ok", "proxy", f"{proxy.shown}, from {proxy.source}.")
        async with (
            open_client(settings.cloud, settings.limits, password=password, user_agent=USER_AGENT) as client,
            aclosing(platform(client, settings)) as findings,
        ):
            async for finding in findings:
                yield finding
    except OsfsyncError as error:
        yield Finding("error", "platform", str(error), error.exit_code)
    if settings.mqtt.url is not None:
        yield await _own_device(settings)


async def _own_device(settings: Settings) -> Finding:
    try:
        values = await set_there(settings)
    except OsfsyncError as error:
        return Finding("warning", "mqtt", f"no run is told or steered there: {error}")
    if odd := [key for key, value in values.items() if isinstance(value, Odd)]:
        return Finding("warning", "mqtt", f"the shared attribute {odd[0]} should be {EXPECTED[odd[0]]}.")
    told = ", ".join(f"{key} = {_shown(value)}" for key, value in values.items())
    return Finding("ok", "mqtt", f"the device is reached; set there: {told or 'nothing'}.")


def _shown(value: object) -> str:
    return duration(value) if isinstance(value, timedelta) else str(value).lower()


async def tenants_of(url: str, username: str, password: str) -> list[Tenant]:
    """The tenants that an account reaches. Raises LoginRefusedError, CloudError, ConfigError."""
    cloud = CloudSettings(url=url, username=username)

    async def ask() -> str:
        return password

    async with open_client(cloud, LimitSettings(), password=ask, user_agent=USER_AGENT) as client:
        return await client.tenants()
