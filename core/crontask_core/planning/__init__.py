"""Decisions: what is to happen to a task or an execution, given what was seen and the time.

Plans are values. Nothing here performs anything; `crontask_operator` does, and decides nothing.
"""
