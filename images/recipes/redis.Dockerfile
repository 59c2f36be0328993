ARG BASE
FROM ${BASE}
RUN install -d -o 999 -g 1000 -m 0700 /data
USER 999:1000
WORKDIR /data
ENTRYPOINT []
CMD ["redis-server", "/etc/redis/redis.conf"]
