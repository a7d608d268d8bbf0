"""Which path a new file gets, when thousands of them are new at once and some are twins."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from osfsync.archive.paths import path_key, safe_path, twin_path
from osfsync.domain.model import DataFile, Device, Tenant
from osfsync.pipeline.messages import Receipt
from osfsync.state.reader import Reader


@dataclass(slots=True)
class PathBook:
    """Gives new files their path, and twins (equal on some file system) different ones.

    The state knows the paths of recorded files; those under way to it are remembered here until they are
    there.
    """

    reader: Reader
    layout: str
    tenant: Tenant
    folders: dict[str, str]
    _under_way: list[tuple[Receipt, dict[str, str]]] = field(default_factory=list)

    async def assign(self, device: Device, files: Sequence[DataFile], receipt: Receipt) -> list[str]:
        """Paths for new files of one device, in their order; remembered here until `receipt` confirms."""
        self._under_way = [(told, keys) for told, keys in self._under_way if not told.committed]
        plain = [self._plain(device, file) for file in files]
        taken = await self.reader.paths_taken([path_key(path) for path in plain])
        given: dict[str, str] = {}
        for index, (file, path) in enumerate(zip(files, plain, strict=True)):
            key = path_key(path)
            if key in taken or key in given or any(key in keys for _, keys in self._under_way):
                plain[index] = twin_path(path, file.name)
                key = path_key(plain[index])
            given[key] = file.name
        self._under_way.append((receipt, given))
        return plain

    def _plain(self, device: Device, file: DataFile) -> str:
        return safe_path(
            self.layout,
            tenant=self.tenant.name,
            device_folder=self.folders[device.id],
            device_id=device.id,
            name=file.name,
            start=file.start,
        )
