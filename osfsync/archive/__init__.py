"""Where files land: safe paths from hostile names, and bytes that are whole before they get their name.

Knows: paths, part files, hashing, durability. Never knows: the platform, the state,
what a file's content means.
"""
