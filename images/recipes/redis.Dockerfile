ARG BASE
FROM ${BASE}
USER 10001:10001
WORKDIR /data
ENTRYPOINT []
CMD ["redis-server", "/etc/redis/redis.conf"]
