{{- define "bridge.name" -}}
{{ .Chart.Name | trunc 63 | trimSuffix "-" }}
{{- end }}

{{- define "bridge.fullname" -}}
{{- if contains .Chart.Name .Release.Name -}}
{{ .Release.Name | trunc 53 | trimSuffix "-" }}
{{- else -}}
{{ printf "%s-%s" .Release.Name .Chart.Name | trunc 53 | trimSuffix "-" }}
{{- end -}}
{{- end }}

{{- define "bridge.selectorLabels" -}}
app.kubernetes.io/name: {{ include "bridge.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "bridge.labels" -}}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{ include "bridge.selectorLabels" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- end }}

{{- define "bridge.image" -}}
{{- if .Values.image.digest -}}
{{ .Values.image.repository }}@{{ .Values.image.digest }}
{{- else -}}
{{ .Values.image.repository }}:{{ .Values.image.tag | default .Chart.AppVersion }}
{{- end -}}
{{- end }}

{{- define "bridge.secretName" -}}
{{ .Values.secrets.existingSecret | default (include "bridge.fullname" .) }}
{{- end }}

{{- define "bridge.serviceAccountName" -}}
{{- if .Values.serviceAccount.create -}}
{{ .Values.serviceAccount.name | default (include "bridge.fullname" .) }}
{{- else -}}
{{ .Values.serviceAccount.name | default "default" }}
{{- end -}}
{{- end }}

{{- define "bridge.host" -}}
{{ .Values.ingress.host | default (index (splitList ":" (urlParse .Values.config.publicUrl).host) 0) }}
{{- end }}

{{/* Whether more than one process may run at a time. */}}
{{- define "bridge.isReplicated" -}}
{{- if or .Values.autoscaling.enabled (gt (int .Values.replicaCount) 1) }}true{{ end -}}
{{- end }}

{{/* What would not work is refused here, in words. */}}
{{- define "bridge.check" -}}
{{- if not .Values.config.publicUrl }}
{{- fail "config.publicUrl is required: the address at which customers, Lago and Dodo reach the bridge" }}
{{- end }}
{{- if and (eq (.Values.config.dodoEnvironment | default "test") "live") (not (hasPrefix "https://" .Values.config.publicUrl)) }}
{{- fail "config.publicUrl must begin with https:// when config.dodoEnvironment is live" }}
{{- end }}
{{- if and .Values.secrets.existingSecret .Values.secrets.create }}
{{- fail "secrets.existingSecret and secrets.create exclude each other: keep one" }}
{{- end }}
{{- if not (or .Values.secrets.existingSecret .Values.secrets.create) }}
{{- fail "set secrets.existingSecret to the name of a Secret with the keys and webhook secrets (or secrets.create, to try it out)" }}
{{- end }}
{{- if .Values.secrets.create }}
{{- $needed := list "LAGO_API_KEY" "DODO_API_KEY" "DODO_WEBHOOK_SECRET" }}
{{- if ne (.Values.config.lagoWebhookSignature | default "hmac") "jwt" }}{{ $needed = append $needed "LAGO_WEBHOOK_HMAC_KEY" }}{{ end }}
{{- if not .Values.embeddedPostgres.enabled }}{{ $needed = append $needed "DATABASE_URL" }}{{ end }}
{{- range $needed }}
{{- if not (index $.Values.secrets.values .) }}
{{- fail (printf "secrets.values.%s is required with secrets.create" .) }}
{{- end }}
{{- end }}
{{- end }}
{{- if and .Values.embeddedPostgres.enabled (include "bridge.isReplicated" .) }}
{{- fail "embeddedPostgres serves one process only: set replicaCount to 1 and autoscaling.enabled to false, or use DATABASE_URL" }}
{{- end }}
{{- if and .Values.embeddedPostgres.enabled .Values.migration.enabled }}
{{- fail "migration is for a database of your own: the embedded Postgres is brought up to date by each start" }}
{{- end }}
{{- if and .Values.ingress.dashboard.enabled (not .Values.ingress.dashboard.host) }}
{{- fail "ingress.dashboard.host is required with ingress.dashboard.enabled" }}
{{- end }}
{{- end }}

{{/* The settings, by the names that the bridge knows them by. */}}
{{- define "bridge.env" -}}
- name: PORT
  value: "3000"
{{- if .Values.embeddedPostgres.enabled }}
- name: DATA_DIR
  value: /data
{{- end }}
{{- range $name, $value := .Values.config }}
{{- if not (kindIs "invalid" $value) }}
- name: {{ $name | snakecase | upper }}
  value: {{ $value | toString | quote }}
{{- end }}
{{- end }}
{{- with .Values.extraEnv }}
{{ toYaml . }}
{{- end }}
{{- end }}
