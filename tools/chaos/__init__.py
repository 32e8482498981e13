"""The fault suite: two operators under work while everything that can fail does, and a proof of what came of it.

`plan` draws the faults (a pure function of seed and time), `site` and `acts` carry them out, `work` and `poison` are
what runs meanwhile, `books` and `calls` are what the witnesses saw, `judge` says what must not be, `report` tells it.
Run by `make chaos`, and in a short form by tests/cluster/test_faults.py.
"""
