{{- define "weft.labels" -}}
app.kubernetes.io/name: weft-control
app.kubernetes.io/part-of: weft
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
{{- end }}

{{- define "weft.image" -}}
{{ .Values.image | default (printf "weft:%s" .Chart.AppVersion) }}
{{- end }}

{{- /* Sidecars, roles and the webhook know the control plane by this namespace. */}}
{{- define "weft.checkNamespace" -}}
{{- if ne .Release.Namespace "weft-system" }}
{{- fail "install it into the namespace weft-system: helm install weft … --namespace weft-system --create-namespace" }}
{{- end }}
{{- end }}
