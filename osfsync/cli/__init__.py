"""The command line: parse, call the app, render, exit code. No logic.

Commands import the app when they run, not when they are listed: `osfsync --help` starts fast.
"""
