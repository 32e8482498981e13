{{/* What the operator may do wherever tasks are: cluster-wide, or in each watched namespace. */}}
{{- define "crontask.taskRules" -}}
# The schedule: the operator reads tasks and never writes a spec; it deletes those that ask for it (spec.deleteAfter).
- apiGroups: [crontask.dev]
  resources: [crontasks]
  verbs: [get, list, watch, delete]
# What tasks refer to.
- apiGroups: [crontask.dev]
  resources: [crontaskgroups, crontasktargets, crontaskcalendars]
  verbs: [get, list, watch]
# The outcome of tasks, and what the operator makes of the others.
- apiGroups: [crontask.dev]
  resources: [crontasks/status, crontaskgroups/status, crontasktargets/status, crontaskcalendars/status]
  verbs: [patch]
# One record for each run; surplus history is deleted, many at once.
- apiGroups: [crontask.dev]
  resources: [crontaskexecutions]
  verbs: [get, list, watch, create, patch, deletecollection]
# Pod actions: started, followed, stopped, removed with their execution.
- apiGroups: [""]
  resources: [pods]
  verbs: [get, list, watch, create, delete, deletecollection]
# The end of a pod's log, kept in the execution.
- apiGroups: [""]
  resources: [pods/log]
  verbs: [get]
# Credentials of HTTP actions, by the name that a task gives; Secrets cannot be listed or watched.
- apiGroups: [""]
  resources: [secrets]
  verbs: [get]
# What happened, for kubectl describe.
- apiGroups: [events.k8s.io]
  resources: [events]
  verbs: [create]
{{- end -}}

{{/* What the gateway may do where its jobs are. */}}
{{- define "crontask.jobRules" -}}
# Jobs: what their clients ask for, and nothing of their status.
- apiGroups: [crontask.dev]
  resources: [crontasks]
  verbs: [get, list, watch, create, patch, delete]
# Runs: wished for, stopped, forgotten when they have ended.
- apiGroups: [crontask.dev]
  resources: [crontaskexecutions]
  verbs: [get, list, watch, create, patch, deletecollection]
# The credentials of jobs, each by the name of its job; Secrets cannot be listed or watched.
- apiGroups: [""]
  resources: [secrets]
  verbs: [get, create, update, patch, delete]
{{- end -}}
