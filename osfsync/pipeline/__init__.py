"""Motion: the only room with task groups. Survey, decide, order, fetch and record, wired by `nightly`.

Knows: the rooms below, their order, back-pressure and cancellation. Never knows: configuration
files, terminals.
"""
