ARG BASE
FROM ${BASE}
USER 10001:10001
ENTRYPOINT ["prometheus-redis-exporter"]
