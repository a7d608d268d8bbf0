"""Paths at which another name's file may lie, as far as the archive alone can tell. Blocking."""

import os
from collections.abc import Sequence

from osfsync.archive.paths import path_key, twin_of
from osfsync.archive.tree import Tree


def doubtful(tree: Tree, paths: Sequence[str]) -> set[str]:
    """See `Archive.doubtful`. A folder that can't be read tells nothing: nor can what lies in it be read.

    Which of two twins got the plain path depends on which was listed first, and only a state knows that.
    """
    twins: dict[str, set[str]] = {}
    found = set()
    for path in paths:
        folder, _, name = path.rpartition("/")
        if folder not in twins:
            twins[folder] = _twins_in(os.path.dirname(tree.locate(path)))  # noqa: PTH120 - see Tree
        if path_key(name) in twins[folder]:
            found.add(path)
    return found


def _twins_in(folder: str) -> set[str]:
    """Keys of the names that twins in this folder stand beside."""
    try:
        with os.scandir(folder) as entries:
            plain = [twin_of(entry.name) for entry in entries]
    except OSError:
        return set()
    return {path_key(name) for name in plain if name is not None}
