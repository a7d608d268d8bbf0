"""Which path a new file gets, when thousands of them are new at once and some are twins."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from osfsync.archive.paths import path_key, safe_path, twin_paths
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
            if key in taken or key in given or self._is_under_way(key):
                plain[index] = await self._twin(path, file, given)
                key = path_key(plain[index])
            given[key] = file.name
        self._under_way.append((receipt, given))
        return plain

    def _is_under_way(self, key: str) -> bool:
        return any(key in keys for _, keys in self._under_way)

    async def _twin(self, path: str, file: DataFile, given: Mapping[str, str]) -> str:
        twins = list(twin_paths(path, file.name))
        taken = await self.reader.paths_taken([path_key(twin) for twin in twins])
        free = (
            twin
            for twin in twins
            if (key := path_key(twin)) not in taken and key not in given and not self._is_under_way(key)
        )
        return next(free, twins[-1])  # the last holds 160 bits of a hash

    def _plain(self, device: Device, file: DataFile) -> str:
        return safe_path(
            self.layout,
            tenant=self.tenant.name,
            device_folder=self.folders[device.id],
            device_id=device.id,
            name=file.name,
            start=file.start,
        )
