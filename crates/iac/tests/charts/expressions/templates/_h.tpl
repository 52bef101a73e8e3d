{{ define "h" }}
a: 1
b:
  - x
{{ end }}
