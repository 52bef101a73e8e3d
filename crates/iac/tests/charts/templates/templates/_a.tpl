{{- define "t.one" }}one:{{ . }}{{ end -}}
{{- define "t.two" }}{{ template "t.one" .inner }}/{{ include "t.one" .inner | upper }}{{ end -}}
{{- define "t.recursive" }}{{ if gt (int .) 0 }}{{ . }} {{ include "t.recursive" (sub . 1) }}{{ end }}{{ end -}}
{{- define "t.none" }}{{- end -}}
{{- define "t.dict" }}
a: {{ .a }}
b:
  - {{ .b | default "none" }}
{{- end }}
