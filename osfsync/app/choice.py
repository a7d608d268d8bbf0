"""What the settings mean for the planner."""

from osfsync.config import Settings
from osfsync.domain.planner import Policy
from osfsync.domain.selection import Globs, Selection


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
