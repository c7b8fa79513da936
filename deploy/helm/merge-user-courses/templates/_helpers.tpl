{{/* A hash of the configuration, so that a change of it is a change of the job. */}}
{{- define "config-map" -}}
{{ .Release.Name }}-{{ .Values.configuration | sha256sum | trunc 10 }}
{{- end }}

{{- define "labels" -}}
app.kubernetes.io/name: {{ .Chart.Name }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "pod-security" -}}
runAsNonRoot: true
runAsUser: 9999
runAsGroup: 9999
fsGroup: 9999
seccompProfile:
  type: RuntimeDefault
{{- end }}

{{- define "security" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities:
  drop: [ALL]
{{- end }}

{{/* Of Flink's own container, what both servers have. */}}
{{- define "flink" -}}
ports:
  - name: metrics
    containerPort: 9249
securityContext:
  {{- include "security" . | nindent 2 }}
{{- with .Values.state.plugin }}
env:
  - name: ENABLE_BUILT_IN_PLUGINS
    value: {{ . }}-{{ include "flink-version" $ }}.jar
{{- end }}
volumeMounts:
  {{- if .Values.state.volume.enabled }}
  - name: state
    mountPath: /flink-state
  {{- end }}
  {{- with .Values.state.plugin }}
  # Flink's image links the plugin into its folder when it starts.
  - name: plugin
    mountPath: /opt/flink/plugins/{{ . }}-{{ include "flink-version" $ }}
  {{- end }}
  - name: tmp
    mountPath: /tmp
  - name: log
    mountPath: /opt/flink/log
  # KafkaIO runs in Flink's own process; the JobManager asks for the partitions.
  - name: kafka-secrets
    mountPath: /etc/merge-user-courses/secrets/kafka
    readOnly: true
{{- end }}

{{- define "flink-version" -}}
{{ regexFind "[0-9]+[.][0-9]+[.][0-9]+" .Values.flinkImage }}
{{- end }}

{{/* The volumes that both servers have. */}}
{{- define "volumes" -}}
- name: tmp
  emptyDir: {}
- name: log
  emptyDir: {}
{{- if .Values.state.volume.enabled }}
- name: state
  persistentVolumeClaim:
    claimName: {{ .Release.Name }}-state
{{- end }}
{{- if .Values.state.plugin }}
- name: plugin
  emptyDir: {}
{{- end }}
- name: kafka-secrets
  secret:
    secretName: {{ .Values.secrets.kafka }}
    defaultMode: 0440
- name: cassandra-secrets
  secret:
    secretName: {{ .Values.secrets.cassandra }}
    defaultMode: 0440
{{- end }}

{{/* Both secrets, of those who talk to Kafka and to Cassandra. */}}
{{- define "secret-mounts" -}}
- name: kafka-secrets
  mountPath: /etc/merge-user-courses/secrets/kafka
  readOnly: true
- name: cassandra-secrets
  mountPath: /etc/merge-user-courses/secrets/cassandra
  readOnly: true
{{- end }}
