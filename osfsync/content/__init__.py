"""What a file is: whether bytes are a whole OSF or OSFZ file, judged while they stream by.

Knows: magic lines, metablocks, blocks, gzip and zlib. Never knows: where bytes come from or go to.
"""

from osfsync.content.checks import check_for

__all__ = ["check_for"]
