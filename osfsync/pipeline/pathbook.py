"""Which path a new file gets, when thousands of them are new at once and some are twins."""

from collections import Counter
from collections.abc import Sequence
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
    _under_way: list[tuple[Receipt, frozenset[str]]] = field(default_factory=list)

    async def assign(self, device: Device, files: Sequence[DataFile], receipt: Receipt) -> list[str]:
        """Paths for new files of one device, in their order; remembered here until `receipt` confirms."""
        self._under_way = [(told, keys) for told, keys in self._under_way if not told.committed]
        plain = [self._plain(device, file) for file in files]
        taken = await self._taken(device, plain, files)
        given = []
        for path, file in zip(plain, files, strict=True):
            paths = [path] if path_key(path) not in taken else _twins(path, device, file)
            # The last twin holds 160 bits of a hash.
            given.append(next((path for path in paths if path_key(path) not in taken), paths[-1]))
            taken.add(path_key(given[-1]))
        self._under_way.append((receipt, frozenset(map(path_key, given))))
        return given

    async def _taken(self, device: Device, plain: Sequence[str], files: Sequence[DataFile]) -> set[str]:
        """Which keys of these paths, and of the twins of those that clash, are another file's."""
        keys = [path_key(path) for path in plain]
        taken = {key for _, under_way in self._under_way for key in under_way}
        taken.update(await self.reader.paths_taken(keys))
        several = Counter(keys)
        twins = [
            path_key(twin)
            for key, path, file in zip(keys, plain, files, strict=True)
            if key in taken or several[key] > 1
            for twin in _twins(path, device, file)
        ]
        taken.update(await self.reader.paths_taken(twins))
        return taken

    def _plain(self, device: Device, file: DataFile) -> str:
        return safe_path(
            self.layout,
            tenant=self.tenant.name,
            device_folder=self.folders[device.id],
            device_id=device.id,
            name=file.name,
            start=file.start,
        )


def _twins(path: str, device: Device, file: DataFile) -> list[str]:
    """By the file's name, which a rebuilt state finds again; at last by the device's id, which may be it."""
    *_, last = twin_paths(path, f"{device.id}/{file.name}")
    return [*twin_paths(path, file.name), last]
