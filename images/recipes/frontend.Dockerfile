ARG BASE
FROM ${BASE}
COPY dist /usr/share/nginx/html
COPY nginx.conf /etc/nginx/nginx.conf
USER 10001:10001
ENTRYPOINT []
CMD ["nginx", "-e", "/dev/stderr", "-g", "daemon off;"]
ARG VERSION
ENV VERSION=${VERSION}
LABEL io.cmctl.version=${VERSION}
