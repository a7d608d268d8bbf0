"""osfsync: mirrors the OSF files of an optiCLOUD tenant."""

__version__ = "0.1.0"
