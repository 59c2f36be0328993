ARG BASE
ARG TOOLS
FROM ${TOOLS} AS tools
FROM ${BASE}
COPY --from=tools /bin/wget /usr/local/bin/wget
USER 10001:10001
ENTRYPOINT ["/redis_exporter"]
