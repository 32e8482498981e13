"""`make bench`: measures the operator, each figure beside its rival's from the same run and the same cluster.

Run as `python -m bench [ROW…]` from the checkout. It starts a cluster of its own through `tools/cluster`, runs the
rows (`bench/rows/`), prints a table, writes `bench/results/YYYY-MM-DD-ROW.json`, and takes the cluster away again.
The rival is the CronJob controller of that cluster, at its stock settings and with its limits raised ("tuned").
docs/benchmarks.md tells how each figure is measured and what it leaves out.
"""
