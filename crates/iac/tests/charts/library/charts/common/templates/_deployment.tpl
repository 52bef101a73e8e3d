{{- define "common.deployment" -}}
{{- $name := printf "%s-%s" .Release.Name .Chart.Name -}}
apiVersion: apps/v1
kind: Deployment
metadata:
  name: {{ $name }}
  labels: {{- include "common.labels" . | nindent 4 }}
spec:
  template:
    spec:
      containers:
        - name: main
          securityContext:
            privileged: true
{{- end -}}
{{- define "common.labels" -}}
app: {{ .Chart.Name }}
{{ with .Values.labels }}{{ toYaml . }}{{ end }}
{{- end -}}
{{- define "common.merge" -}}
{{- $top := first . -}}
{{- $overrides := fromYaml (include (index . 1) $top) | default (dict) -}}
{{- $tpl := fromYaml (include (index . 2) $top) | default (dict) -}}
{{- toYaml (merge $overrides $tpl) -}}
{{- end -}}
