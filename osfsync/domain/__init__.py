"""The words of the field and the decisions made in them.

Knows: tenants, devices, files, storage status, what can happen to a file, and what to do next.
Never knows: HTTP, disks, databases, tasks. Standard library only, no I/O.
"""
