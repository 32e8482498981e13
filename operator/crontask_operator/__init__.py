"""The operator: turns each due instant of a CronTask into an execution and keeps its outcome."""
