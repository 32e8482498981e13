"""The pure core of CronTask: names, resources, schedules and decisions.

Nothing here reads a clock, a socket, a file or the environment (time-zone data
excepted): whoever calls passes `now`. The operator, the gateway and the kubectl
plugin all build on it; it imports none of them.
"""
