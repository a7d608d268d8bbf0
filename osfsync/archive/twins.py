"""Paths at which another name's file may lie, as far as the archive alone can tell. Blocking."""

import os
from collections.abc import Sequence

from osfsync.archive.paths import path_key, twin_of
from osfsync.archive.tree import Tree

_REMEMBERED = 1_000  # folders

Twins = dict[str, tuple[int, frozenset[str]]]
"""By folder: when it last changed, ns, and the keys of the names that twins in it stand beside."""


def doubtful(tree: Tree, twins: Twins, paths: Sequence[str]) -> set[str]:
    """See `Archive.doubtful`. A folder that can't be read tells nothing: nor can what lies in it be read.

    Which of two twins got the plain path depends on which was listed first, and only a state knows that.
    """
    found = set()
    for path in paths:
        folder, name = os.path.split(tree.locate(path))
        if path_key(name) in _twins_in(twins, folder):
            found.add(path)
    return found


def beside_told_apart(tree: Tree, twins: Twins, paths: Sequence[str]) -> set[str]:
    """See `Archive.beside_told_apart`."""
    found = set()
    for path in paths:
        folder, _, _ = path.rpartition("/")
        while folder:
            above, name = os.path.split(tree.locate(folder))
            if path_key(name) in _twins_in(twins, above):
                found.add(path)
                break
            folder, _, _ = folder.rpartition("/")
    return found


def _twins_in(twins: Twins, folder: str) -> frozenset[str]:
    try:
        changed = os.stat(folder).st_mtime_ns  # noqa: PTH116 - see Tree
        known = twins.get(folder)
        if known is None or known[0] != changed:
            with os.scandir(folder) as entries:
                plain = (twin_of(entry.name) for entry in entries)
                known = changed, frozenset(path_key(name) for name in plain if name is not None)
            if len(twins) >= _REMEMBERED:
                twins.clear()
            twins[folder] = known
    except OSError:
        return frozenset()
    return known[1]
