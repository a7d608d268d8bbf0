"""Devices, files and facts for the tests of the state."""

from datetime import UTC, datetime, timedelta

from osfsync.domain.model import (
    DataFile,
    Device,
    Failure,
    Held,
    StorageStatus,
    Tenant,
    TimeWindow,
    Verification,
)
from osfsync.domain.outcomes import (
    DeviceSeen,
    Fact,
    Fetched,
    FetchFailed,
    FilesSeen,
    OrderPrepared,
    OrderTaken,
    SeenFile,
)
from osfsync.state.writer import NewRun

NOW = datetime(2025, 6, 26, 6, 41, 43, 123456, tzinfo=UTC)
LATER = NOW + timedelta(hours=1)
WINDOW = TimeWindow(NOW - timedelta(days=30), NOW)
TENANT = Tenant("tenant-1", "Acme")
RUN = NewRun(tenant=TENANT, url="https://cloud.test", command="sync")
DEVICE = Device("device-1", "Pump")
OTHER_DEVICE = Device("device-2", "Fan")


def device_seen(device: Device = DEVICE, at: datetime = NOW, folder: str | None = None) -> DeviceSeen:
    return DeviceSeen(device, folder or device.name, at)


def file(name: str = "a.osf", device: Device = DEVICE, **told: object) -> DataFile:
    values: dict[str, object] = {"status": StorageStatus.BOTH, "size": 100, **told}
    return DataFile(device.id, name, **values)  # type: ignore[arg-type]  # a test may tell anything


def files_seen(*files: DataFile, at: datetime = NOW, window: TimeWindow = WINDOW) -> FilesSeen:
    seen = tuple(SeenFile(file, f"{file.device_id}/{file.name}") for file in files)
    return FilesSeen(files[0].device_id, window, at, seen)


def held(size: int = 100, at: datetime = NOW, sha256: str = "ab" * 32) -> Held:
    return Held(size, sha256, at, Verification.WHOLE)


def fetched(name: str = "a.osf", device: Device = DEVICE, what: Held | None = None) -> Fetched:
    return Fetched(device.id, name, what or held(), adopted=False)


def failure(at: datetime = NOW, check: str | None = None) -> Failure:
    return Failure("server-error", "The platform answered 500.", at, check)


def fetch_failed(name: str = "a.osf", device: Device = DEVICE, at: datetime = NOW) -> FetchFailed:
    return FetchFailed(device.id, name, failure(at))


def prepared(
    *names: str, number: int = 1, device: Device = DEVICE, at: datetime = NOW, window: TimeWindow = WINDOW
) -> OrderPrepared:
    return OrderPrepared(number, device.id, window, "preview", names or ("a.osf",), 0, at)


def ordered(*names: str, number: int = 1, at: datetime = NOW) -> list[Fact]:
    order = prepared(*names, number=number, at=at)
    return [order, OrderTaken(order, certain=True)]
