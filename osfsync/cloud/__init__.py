"""The far side: optiCLOUD's REST API as verbs over domain types.

Knows: endpoints, units, login, retries, limits. Never knows: where files land, what was known before.
"""
