# Dkron's API, call by call. After `make up`: set -a; . .cluster/env; set +a; sh examples/dkron.sh
# Where tokens are configured, add to each line: -H "X-Dkron-Token: $DKRON_TOKEN"
set -eu
api=${DKRON_URL:?is not set: source .cluster/env, or set it to where the gateway serves Dkron}/v1

# A job that runs a command every hour. Sent again, it replaces the one of that name.
curl -sS --fail-with-body "$api/jobs" -H 'Content-Type: application/json' -d '{
  "name": "hello",
  "schedule": "@every 1h",
  "owner": "me",
  "retries": 2,
  "executor": "shell",
  "executor_config": {"shell": "true", "command": "echo Hello from $ENV_JOB_NAME"}
}'
echo

# One that runs when the first has succeeded.
curl -sS --fail-with-body "$api/jobs" -H 'Content-Type: application/json' -d '{
  "name": "hello-again",
  "parent_job": "hello",
  "executor": "shell",
  "executor_config": {"command": "date"}
}'
echo

curl -sS --fail-with-body "$api/jobs?_sort=name"; echo                # all jobs
curl -sS --fail-with-body "$api/jobs/hello"; echo                     # one
curl -sS --fail-with-body -X POST "$api/jobs/hello"; echo             # run it now
curl -sS --fail-with-body "$api/busy"; echo                           # what runs
sleep 5
curl -sS --fail-with-body "$api/jobs/hello/executions"; echo          # what became of it, newest first
curl -sS --fail-with-body -X POST "$api/jobs/hello/toggle"; echo      # switch it off, or on again
curl -sS --fail-with-body -X DELETE "$api/jobs/hello-again"; echo     # delete: those that depend on others first
curl -sS --fail-with-body -X DELETE "$api/jobs/hello"; echo
