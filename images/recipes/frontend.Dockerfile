ARG BASE
FROM ${BASE}
COPY dist /usr/share/nginx/html
COPY nginx.conf /etc/nginx/nginx.conf
USER 10001:10001
ENTRYPOINT []
CMD ["nginx", "-g", "daemon off;"]
ARG VERSION
ENV VERSION=${VERSION}
