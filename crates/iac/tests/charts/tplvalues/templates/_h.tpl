{{- define "tv.name" -}}tv{{- end -}}
{{- define "tv.render" -}}
{{- if kindIs "string" .value }}{{ tpl .value .context }}{{ else }}{{ tpl (.value | toYaml) .context }}{{ end -}}
{{- end -}}
