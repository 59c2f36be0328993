ARG BASE
FROM ${BASE}
USER 10001:10001
ENTRYPOINT []
CMD ["nginx", "-g", "daemon off;"]
