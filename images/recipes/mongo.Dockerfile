ARG BASE
FROM ${BASE}
COPY ferretdb /usr/local/bin/ferretdb
RUN install -d -o 10001 -g 10001 -m 0700 /data
USER 10001:10001
ENTRYPOINT []
CMD ["ferretdb", "-listen", "0.0.0.0:27017", "-data", "/data"]
