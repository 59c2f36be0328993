ARG BASE
ARG TOOLS
FROM ${TOOLS} AS tools
FROM ${BASE}
COPY --from=tools /bin/wget /usr/local/bin/wget
ADD lib.tar /
ADD app.tar /
ENV PYTHONPATH=/srv/lib:/srv PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1
WORKDIR /srv
USER 10001:10001
ENTRYPOINT []
CMD ["python3", "-m", "app"]
# Last, so that a new version of the same content costs nothing but its name.
ARG VERSION
ENV VERSION=${VERSION}
LABEL io.cmctl.version=${VERSION}
