{{/* The release's name, with the chart's name in it. */}}
{{- define "crontask.fullname" -}}
{{- if contains .Chart.Name .Release.Name -}}
{{- .Release.Name | trunc 50 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name .Chart.Name | trunc 50 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{/* Name of the operator's objects. */}}
{{- define "crontask.operator" -}}
{{ include "crontask.fullname" . }}-operator
{{- end -}}

{{- define "crontask.serviceAccount" -}}
{{ default (include "crontask.operator" .) .Values.serviceAccount.name }}
{{- end -}}

{{/* The user name under which the API server knows the operator. */}}
{{- define "crontask.user" -}}
system:serviceaccount:{{ .Release.Namespace }}:{{ include "crontask.serviceAccount" . }}
{{- end -}}

{{- define "crontask.selector" -}}
app.kubernetes.io/name: crontask
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/component: operator
{{- end -}}

{{- define "crontask.labels" -}}
{{ include "crontask.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
{{- end -}}

{{/* Name of the webhook's Service, and what the names of its configuration begin with. */}}
{{- define "crontask.webhook" -}}
{{ include "crontask.fullname" . }}-webhook
{{- end -}}

{{- define "crontask.webhookSecret" -}}
{{ default (include "crontask.webhook" .) .Values.webhook.secretName }}
{{- end -}}
