"""The fixtures of the whole-sync tests serve here too."""

from tests.whole.conftest import empty_world, mirror_of

__all__ = ["empty_world", "mirror_of"]
