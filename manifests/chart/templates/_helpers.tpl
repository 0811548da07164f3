{{/* What carries the links of meshes without spec.broker. */}}
{{- define "weft.nats" -}}
{{- if .Values.nats.install -}}
nats://nats.{{ .Release.Namespace }}.svc.cluster.local:4222
{{- else -}}
{{ .Values.nats.url }}
{{- end -}}
{{- end -}}
