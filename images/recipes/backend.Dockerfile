ARG BASE
ARG TOOLS
FROM ${TOOLS} AS tools
FROM ${BASE}
# Into the root folder: in any other, the folder's own time, that of the build, would be part of the layer.
COPY --from=tools /bin/wget /wget
ADD lib.tar /
ADD app.tar /
ENV PATH=${PATH}:/ PYTHONPATH=/srv/lib:/srv PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1
WORKDIR /srv
USER 10001:10001
ENTRYPOINT []
CMD ["python3", "-m", "app"]
# Last, so that a new version of the same content costs nothing but its name.
ARG VERSION
ENV VERSION=${VERSION}
LABEL io.cmctl.version=${VERSION}
