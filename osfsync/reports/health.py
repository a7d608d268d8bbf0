"""How a run went, in a few plain values: what a device of the user's own tells the platform. Pure."""

from osfsync.domain.summary import RunSummary

Values = dict[str, bool | int | float | str]

RUNNING: Values = {"running": True}


def telemetry(summary: RunSummary) -> Values:
    """Numbers that are worth a line in a chart; the names are those of `sync --json`, with their section."""
    files, devices = summary.files, summary.devices
    return {
        "running": False,
        "exit_code": int(summary.exit_code),
        "seconds": round((summary.finished - summary.started).total_seconds(), 3),
        "bytes": summary.bytes,
        "problems": len(summary.problems),
        "devices_seen": devices.seen,
        "devices_failed": devices.failed,
        "files_held": files.held,
        "files_fetched": files.fetched,
        "files_failed": files.failed,
        "files_quarantined": files.quarantined,
        "files_device_only": files.device_only,
        "files_requested": files.requested,
        "files_lost": files.lost,
        "orders_sent": summary.orders.sent,
        "orders_open": summary.orders.open,
    }


def attributes(summary: RunSummary, version: str) -> Values:
    """What is so since this run."""
    return {
        "osfsync_version": version,
        "last_run": summary.run,
        "last_command": summary.command,
        "last_outcome": summary.outcome.value,
        "last_exit_code": int(summary.exit_code),
        "last_finished": summary.finished.isoformat(timespec="seconds").replace("+00:00", "Z"),
    }
