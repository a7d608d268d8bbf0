"""What we know: devices, files, listings, orders, runs and failed tries, in one SQLite database.

Knows: tables, transactions, migrations, the lock. Never knows: the platform, the archive, who asks.
"""
