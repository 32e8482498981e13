"""The dialects, one package each with the same ten files; `shape.py` says what a dialect is."""
