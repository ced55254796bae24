{{- define "cove.name" -}}
{{- if contains "cove" .Release.Name -}}
{{ .Release.Name | trunc 53 | trimSuffix "-" }}
{{- else -}}
{{ printf "%s-cove" .Release.Name | trunc 53 | trimSuffix "-" }}
{{- end -}}
{{- end -}}

{{- define "cove.selector" -}}
app.kubernetes.io/name: cove
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "cove.labels" -}}
{{ include "cove.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
{{- end -}}

{{- define "cove.secret" -}}
{{- .Values.existingSecret | default (include "cove.name" .) -}}
{{- end -}}
