"""Takes a ZIP with the files of one batch apart. Pure, and blocking: for worker threads."""

import zipfile
import zlib
from collections.abc import Mapping
from io import BytesIO

from osfsync.domain.errors import DamagedError

_NO_ZIP = (
    zipfile.BadZipFile,
    zlib.error,
    EOFError,
    NotImplementedError,  # a way of packing that is not known
    OSError,
    OverflowError,
    RuntimeError,  # encrypted
    ValueError,
)
_PLAIN = frozenset({zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED})


def unpack(data: bytes, sizes: Mapping[str, int]) -> dict[str, bytes]:
    """The files of a batch, by name, of those that `sizes` (bytes) tells to be wanted.

    Each was checked against its CRC-32 and its size; one that is not as it should be is left out. Never
    unpacks more than was wanted.

    Raises DamagedError where it is no ZIP, or one that breaks off, or its names are not exactly those that
    were asked for, each once: a platform that spells them otherwise may mean another file by one of them.
    """
    try:
        with zipfile.ZipFile(BytesIO(data)) as archive:
            members = archive.infolist()
            if sorted(member.filename for member in members) != sorted(sizes):
                raise DamagedError("zip", "Several files came under other names than were asked for.")
            found = {}
            for member in members:
                content = _content(archive, member, sizes[member.filename])
                if content is not None:
                    found[member.filename] = content
            return found
    except _NO_ZIP as error:
        raise DamagedError("zip", f"Several files came as no sound ZIP: {error}.") from error


def _content(archive: zipfile.ZipFile, member: zipfile.ZipInfo, size: int) -> bytes | None:
    if member.file_size != size or member.compress_type not in _PLAIN or member.flag_bits & 1:
        return None
    try:
        with archive.open(member) as file:
            content = file.read(size + 1)  # beyond its end, so that the CRC-32 is compared
    except _NO_ZIP:
        return None
    return content if len(content) == size else None
