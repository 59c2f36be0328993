ARG BASE
FROM ${BASE}
RUN install -d -o 65534 -g 65534 -m 0700 /prometheus
USER 65534:65534
ENTRYPOINT ["prometheus"]
CMD ["--config.file=/etc/prometheus/prometheus.yml", "--storage.tsdb.path=/prometheus"]
