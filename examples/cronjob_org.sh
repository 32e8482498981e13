# cron-job.org's API, call by call. After `make up`: set -a; . .cluster/env; set +a; sh examples/cronjob_org.sh
# Of a gateway elsewhere: CRONJOB_ORG_URL is where it serves this API, CRONJOB_ORG_API_KEY one of its keys.
set -eu
api=${CRONJOB_ORG_URL:?is not set: source .cluster/env, or set it to where the gateway serves the API}
ask() { # METHOD PATH [BODY]
  curl -sS --fail -X "$1" "$api$2" -H "Authorization: Bearer $CRONJOB_ORG_API_KEY" \
    -H 'Content-Type: application/json' ${3:+-d "$3"}
  echo
}
number() { sed 's/[^0-9]//g'; }

# A job of a URL alone is disabled and never due; this one calls each minute and keeps what it is answered.
id=$(ask PUT /jobs '{"job": {
  "url": "'"${RECEIVER_URL:-http://127.0.0.1:8099}"'/hello?at=%cjo:unixtime%",
  "title": "hello",
  "enabled": true,
  "saveResponses": true,
  "requestTimeout": 20,
  "schedule": {"timezone": "Europe/Berlin", "minutes": [-1], "hours": [-1], "mdays": [-1], "months": [-1], "wdays": [-1]},
  "extendedData": {"headers": {"X-Shard": "b7"}}
}}' | number)
ask GET /jobs                                                                # all jobs, without credentials
ask GET "/jobs/$id"                                                          # one, whole
ask PATCH "/jobs/$id" '{"job": {"schedule": {"wdays": [1, 2, 3, 4, 5]}}}'    # what is not named stays
folder=$(ask PUT /folders '{"folder": {"title": "Nightly '"$id"'"}}' | number)
ask PATCH "/jobs/$id" '{"job": {"folderId": '"$folder"'}}'
ask GET "/jobs/$id/history"                                                  # calls, newest first; and the next three
ask DELETE "/folders/$folder"                                                # its jobs are in none then
ask DELETE "/jobs/$id"

# To bring jobs over from the service (a request a second, as it allows), with jq:
#   old=https://api.cron-job.org; key="Authorization: Bearer $OLD_KEY"; json='Content-Type: application/json'
#   for job in $(curl -sS "$old/jobs" -H "$key" | jq '.jobs[].jobId'); do
#     sleep 1; curl -sS "$old/jobs/$job" -H "$key" | jq '{job: .jobDetails}' |
#       curl -sS -X PUT "$api/jobs" -H "Authorization: Bearer $CRONJOB_ORG_API_KEY" -H "$json" -d @-; done
