"""An independent auditor: was every instant of every task accounted for, and nothing else started?

It reads tasks and executions as anybody may (`dump`), works out by brute force
when each task was due (`texts`, `expected`), and compares (`checks`). It shares
no code with the engine, on purpose: a mistake would have to be made twice. What
it cannot judge it names, with the reason. Run it with `python -m audit`.
"""
