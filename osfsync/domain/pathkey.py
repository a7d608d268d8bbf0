"""When two archive paths are one on some file system."""

import unicodedata


def path_key(path: str) -> str:
    """What `path` looks like to a file system that ignores case and composes accents.

    Two paths with one key would overwrite each other on Windows or macOS, so the archive never hands out
    both, and the state refuses to store both.
    """
    if path.isascii():  # nearly all: nothing decomposes
        return path.lower()
    # Folding case can bring forth a sequence that composes: decompose before, compose after (Unicode, D145).
    folded = unicodedata.normalize("NFD", path).casefold()
    return unicodedata.normalize("NFC", folded)
