ARG BASE
FROM ${BASE}
ADD pages.tar /
USER 10001:10001
ENTRYPOINT []
CMD ["nginx", "-e", "/dev/stderr", "-g", "daemon off;"]
ARG VERSION
ENV VERSION=${VERSION}
LABEL io.cmctl.version=${VERSION}
