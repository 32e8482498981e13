"""Dkron's REST API, version 1, on CronTasks."""
