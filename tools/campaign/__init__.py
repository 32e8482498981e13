"""The time campaign: random schedules of every form, in every zone, around every change of its clocks.

`draw` makes schedules together with the sets that they stand for, `walk` finds
their instants by looking at every minute, `judge` compares with the engine and
with cronsim, `__main__` does that for as long as one likes. None of them asks
the engine what a text means.
"""
