"""The cluster of `make up`: starts one, puts CronTask on it, and takes all of it away again.

Run as `python -m cluster VERB` with `tools/` on the path. `CLUSTER` chooses what is used: a local cluster of
programs built from pinned Go modules, a kind cluster, or the cluster that kubectl talks to now. Everything that
is kept lies in one state folder (`.cluster/`), so that several clusters may exist at once and each can be
removed without a trace. A tool of the repository: nothing here is shipped.
"""
