"""osfsync: mirrors the OSF files of an optiCLOUD tenant, and says why each missing file is missing.

The command line is `osfsync`. In Python:

    import osfsync

    settings = osfsync.load_settings()  # as the command reads them
    summary = await osfsync.sync(settings)  # one pass; an osfsync.RunSummary

    async with osfsync.open_client(settings) as client:  # the platform's endpoints as verbs
        for device in await client.devices():
            print(device.name)

Names are loaded when they are used; importing osfsync is light.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from osfsync.app.library import backfill, load_settings, open_client, sync
    from osfsync.app.runs import BackfillRequest, SyncRequest
    from osfsync.cloud.client import CloudClient
    from osfsync.config import Settings
    from osfsync.domain.errors import ExitCode, OsfsyncError
    from osfsync.domain.model import DataFile, Device, StorageStatus, Tenant, TimeWindow
    from osfsync.domain.summary import RunSummary

__all__ = [
    "BackfillRequest",
    "CloudClient",
    "DataFile",
    "Device",
    "ExitCode",
    "OsfsyncError",
    "RunSummary",
    "Settings",
    "StorageStatus",
    "SyncRequest",
    "Tenant",
    "TimeWindow",
    "__version__",
    "backfill",
    "load_settings",
    "open_client",
    "sync",
]

_HOMES = {
    "BackfillRequest": "osfsync.app.runs",
    "CloudClient": "osfsync.cloud.client",
    "DataFile": "osfsync.domain.model",
    "Device": "osfsync.domain.model",
    "ExitCode": "osfsync.domain.errors",
    "OsfsyncError": "osfsync.domain.errors",
    "RunSummary": "osfsync.domain.summary",
    "Settings": "osfsync.config",
    "StorageStatus": "osfsync.domain.model",
    "SyncRequest": "osfsync.app.runs",
    "Tenant": "osfsync.domain.model",
    "TimeWindow": "osfsync.domain.model",
    "backfill": "osfsync.app.library",
    "load_settings": "osfsync.app.library",
    "open_client": "osfsync.app.library",
    "sync": "osfsync.app.library",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'osfsync' has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted(__all__)
