"""Whether the state lies on another machine, where SQLite's locks and order of writes can't be trusted."""

import os
import sys
from pathlib import Path

from osfsync.domain.mounts import NETWORK, file_system_of


def network_share(path: Path) -> str:
    """What kind of network share holds the state at `path`; empty where none does, or it can't be told."""
    if sys.platform == "win32":
        return "a network share" if str(path.absolute()).startswith("\\\\") else ""
    try:
        device = path.absolute().parent.stat().st_dev
        mounts = Path("/proc/self/mountinfo").read_text(encoding="utf-8", errors="replace")
    except OSError:  # not Linux, or no such folder yet: whoever opens the state will tell
        return ""
    found = file_system_of(mounts, f"{os.major(device)}:{os.minor(device)}")
    return found if found in NETWORK else ""
