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

{{/* Name of the gateway's objects. */}}
{{- define "crontask.gateway" -}}
{{ include "crontask.fullname" . }}-gateway
{{- end -}}

{{- define "crontask.gatewayAccount" -}}
{{ default (include "crontask.gateway" .) .Values.gateway.serviceAccount.name }}
{{- end -}}

{{/* The user name under which the API server sees the gateway. */}}
{{- define "crontask.gatewayUser" -}}
system:serviceaccount:{{ .Release.Namespace }}:{{ include "crontask.gatewayAccount" . }}
{{- end -}}

{{- define "crontask.gatewaySelector" -}}
app.kubernetes.io/name: crontask
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/component: gateway
{{- end -}}

{{- define "crontask.gatewayLabels" -}}
{{ include "crontask.gatewaySelector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
{{- end -}}

{{/* The dialects that are served, as JSON: their name, and what the values say of them. */}}
{{- define "crontask.dialects" -}}
{{- $served := dict -}}
{{- range $name, $dialect := .Values.gateway.dialects -}}
{{- if ne (toString $dialect.enabled) "false" -}}
{{- if not (or $dialect.open $dialect.tokens $dialect.apiKeys) -}}
{{- fail (printf "gateway.dialects.%s lets nobody in: name tokens, write apiKeys: true, or open: true" $name) -}}
{{- end -}}
{{- $_ := set $served $name $dialect -}}
{{- end -}}
{{- end -}}
{{- if not $served -}}
{{- fail "gateway.dialects names nothing to serve: enable one, or write gateway.enabled: false" -}}
{{- end -}}
{{- toJson $served -}}
{{- end -}}

{{/* The namespaces of the jobs of all dialects, as JSON. */}}
{{- define "crontask.jobNamespaces" -}}
{{- $found := list -}}
{{- range $dialect := fromJson (include "crontask.dialects" .) -}}
{{- $found = concat (append $found $dialect.namespace) (values ($dialect.tenants | default dict)) -}}
{{- end -}}
{{- toJson ($found | uniq | sortAlpha) -}}
{{- end -}}

{{/* The gateway's settings file. */}}
{{- define "crontask.gatewaySettings" -}}
{{- $settings := dict
  "metricsAddress" (printf "0.0.0.0:%d" (int .Values.gateway.metricsPort))
  "host" "0.0.0.0"
  "leaseNamespace" .Release.Namespace
  "graceSeconds" 5
  "logFormat" .Values.gateway.logFormat
  "logLevel" .Values.gateway.logLevel
  "dialects" (fromJson (include "crontask.dialects" .))
-}}
{{- toYaml (merge (deepCopy .Values.gateway.settings) $settings) -}}
{{- end -}}

{{/* "true" where a dialect of the gateway takes API keys. */}}
{{- define "crontask.apiKeys" -}}
{{- range $name, $dialect := fromJson (include "crontask.dialects" .) -}}
{{- if $dialect.apiKeys -}}true{{- end -}}
{{- end -}}
{{- end -}}
