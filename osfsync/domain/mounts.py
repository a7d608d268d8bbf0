"""Which file system holds a folder, read off the system's table of mounts. Pure."""

NETWORK = frozenset(
    {"nfs", "nfs4", "cifs", "smb3", "smbfs", "ncpfs", "afs", "9p", "fuse.sshfs", "fuse.rclone", "davfs"}
)
"""Types on which locks and the order of writes are another machine's business."""


def file_system_of(mounts: str, device: str) -> str:
    """The type of the file system on `device` ("major:minor"); empty where the table does not tell.

    Args:
        mounts: text of /proc/self/mountinfo (proc(5)).
        device: of the folder, as its status tells it.
    """
    for mount in mounts.splitlines():
        fields, _, kind = mount.partition(" - ")
        if fields.split(" ")[2:3] == [device]:
            return kind.partition(" ")[0]
    return ""
