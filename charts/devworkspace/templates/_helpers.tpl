{{- /* An image of the product: (list $ "python"). */}}
{{- define "devworkspace.image" -}}
{{- $root := index . 0 -}}
{{ include "devworkspace.imagePrefix" $root }}/{{ index . 1 }}:{{ $root.Values.image.tag | default $root.Chart.AppVersion }}
{{- end }}

{{- /* What stands before the images' names. KubeSphere says one registry for all extensions: global.imageRegistry. */}}
{{- define "devworkspace.imagePrefix" -}}
{{- $parts := splitList "/" .Values.image.prefix -}}
{{- if regexMatch "[.:]|^localhost$" (first $parts) }}{{ $parts = rest $parts }}{{ end -}}
{{- with (.Values.global).imageRegistry }}{{ join "/" (prepend $parts .) }}{{ else }}{{ .Values.image.prefix }}{{ end -}}
{{- end }}

{{- /* Where the pods of a part run, and with what they pull their image: (list $ .Values.server). */}}
{{- define "devworkspace.placement" -}}
{{- $values := (index . 0).Values -}}
{{- $part := index . 1 -}}
{{- $fields := dict -}}
{{- with $values.image.pullSecrets }}{{ $_ := set $fields "imagePullSecrets" . }}{{ end -}}
{{- with mergeOverwrite (dict) (default (dict) ($values.global).nodeSelector) $part.nodeSelector }}{{ $_ := set $fields "nodeSelector" . }}{{ end -}}
{{- with $part.tolerations }}{{ $_ := set $fields "tolerations" . }}{{ end -}}
{{- with $part.priorityClassName }}{{ $_ := set $fields "priorityClassName" . }}{{ end -}}
{{- if $fields }}{{ toYaml $fields }}{{ end -}}
{{- end }}

{{- /* The host of publicUrl, without its port. */}}
{{- define "devworkspace.host" -}}
{{- (urlParse .Values.publicUrl).hostname -}}
{{- end }}

{{- /* The hosts that people's browsers ask for, as a list in YAML. */}}
{{- define "devworkspace.hosts" -}}
- {{ include "devworkspace.host" . | quote }}
{{- if eq .Values.addressMode "subdomain" }}
- {{ printf "*.%s" (include "devworkspace.host" .) | quote }}
{{- end }}
{{- end }}

{{- /* The Secret with the certificate; empty if it is somebody else's matter. */}}
{{- define "devworkspace.tlsSecret" -}}
{{- if .Values.tls.secretName }}{{ .Values.tls.secretName }}{{ else if .Values.tls.certManager.enabled }}devworkspace-tls{{ end -}}
{{- end }}
