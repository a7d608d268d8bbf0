"""What we tell: models built purely from rows, and one renderer a format.

Knows: the domain's words. Never knows: databases, networks, tasks.
"""
