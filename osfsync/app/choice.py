"""What the settings mean for the planner and for reports."""

from collections.abc import Sequence
from datetime import datetime

from osfsync.config import Settings
from osfsync.domain.errors import ConfigError
from osfsync.domain.model import Device
from osfsync.domain.planner import Choice
from osfsync.domain.policy import Policy
from osfsync.domain.selection import Globs, Selection
from osfsync.reports.case import Standpoint


def selection_of(settings: Settings) -> Selection:
    """The user's choice of devices and files."""
    select = settings.select
    return Selection(
        Globs.of(select.devices, select.exclude_devices), Globs.of(select.files, select.exclude_files)
    )


def policy_of(settings: Settings) -> Policy:
    """What the planner may do."""
    orders = settings.orders
    return Policy(mode=orders.mode, patience=orders.patience, attempts=orders.attempts)


def standpoint_of(settings: Settings, now: datetime) -> Standpoint:
    """From where reports look at files."""
    return Standpoint(policy_of(settings), selection_of(settings), settings.orders.max_queued, now)


def chosen_devices(known: Sequence[Device], globs: Sequence[str]) -> list[Device]:
    """Those of the known devices that fit a glob by their name or id; all, where there is no glob.

    Raises ConfigError where none fits.
    """
    if not globs:
        return list(known)
    wanted = Selection(Globs.of(globs), Globs.of(["*"])).among(known)
    chosen = [device for device in known if wanted.device(device) is Choice.SELECTED]
    if not chosen:
        raise ConfigError(
            f"No known device fits {', '.join(map(repr, globs))}.",
            hint="`osfsync devices` lists them; globs fit names or ids.",
        )
    return chosen
