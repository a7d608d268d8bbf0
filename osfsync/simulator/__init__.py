"""A cloud in a box: a pure world of tenants, devices and files behind the real HTTP API of the API page.

Knows: the API page. Never knows: our client; a wrong reading of the API must not hide in a shared parser.
"""
