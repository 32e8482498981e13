# Runs the tests that need a cluster on one of their own, which is gone afterwards whatever happened. Run by `make`;
# arguments go to pytest. With KEEP=1 the cluster stays, and the next run uses it.
set -eu
cd "$(dirname "$0")/.."
STATE=${STATE:-.cluster-test}
METRICS_PORT=${METRICS_PORT:-0}
DKRON_PORT=${DKRON_PORT:-0}
CRONJOB_ORG_PORT=${CRONJOB_ORG_PORT:-0}
CLUSTER_WAIT=${CLUSTER_WAIT:-240}  # a busy machine must not fail a test
export STATE METRICS_PORT DKRON_PORT CRONJOB_ORG_PORT CLUSTER_WAIT PYTHONPATH=tools

[ "${KEEP:-}" = 1 ] || trap '.venv/bin/python -P -m cluster down' EXIT
trap 'exit 130' INT TERM
.venv/bin/python -P -m cluster up
set -a
. "$(cd "$STATE" && pwd)/env"
set +a
.venv/bin/python -m pytest -m cluster "$@"
