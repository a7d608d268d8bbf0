"""The composition root: opens the rooms from the settings, closes them in order, whatever happens.

Knows: every room's front door. Never knows: terminals, formats, exit codes' uses.
"""
