from osfsync.domain.mounts import NETWORK, file_system_of

MOUNTS = """\
22 1 253:0 / / rw,relatime shared:1 - ext4 /dev/vda1 rw
41 22 0:36 / /mnt/share\\040one rw,relatime shared:20 master:3 - nfs4 nas:/vol rw,vers=4.2
garbage
"""


def test_the_type_of_a_device_is_told() -> None:
    assert file_system_of(MOUNTS, "253:0") == "ext4"
    assert file_system_of(MOUNTS, "0:36") == "nfs4"
    assert file_system_of(MOUNTS, "0:37") == ""
    assert file_system_of("", "253:0") == ""


def test_network_file_systems_are_told_from_local_ones() -> None:
    assert "nfs4" in NETWORK
    assert not {"ext4", "xfs", "btrfs", "tmpfs", "overlay"} & NETWORK
