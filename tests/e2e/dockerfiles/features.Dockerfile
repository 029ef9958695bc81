# syntax=docker/dockerfile:1
ARG TAG=1
FROM base:${TAG} AS other
FROM base:${TAG} AS tools
ARG TAG
ARG URL CHECKSUM
USER 0
RUN <<SCRIPT
mkdir /made
echo "a script of several lines, tag $TAG" >/made/heredoc
SCRIPT
COPY <<"FILE" /made/literal
a file with $TAG as it stands
FILE
RUN --mount=type=cache,target=/cache,id=one touch /cache/kept
RUN --mount=type=cache,target=/cache,id=one test -e /cache/kept && ! [ -e /cache/other ] && echo "TOLD cache kept"
RUN --mount=type=bind,source=tree,target=/bound echo "TOLD bind $(cat /bound/file.txt)"
RUN --mount=type=bind,from=other,source=/bin,target=/bound echo "TOLD bind-stage $(ls /bound/busybox)"
RUN --mount=type=tmpfs,target=/fleeting echo "TOLD tmpfs $(grep -c '^tmpfs /fleeting ' /proc/mounts)"
RUN --mount=type=secret,id=token echo "TOLD secret $(sha256sum </run/secrets/token)"
RUN --mount=type=secret,id=token,env=TOKEN echo "TOLD secret-variable $(printf '%s' "$TOKEN" | sha256sum)"
RUN --mount=type=ssh [ -S "$SSH_AUTH_SOCK" ] || echo "TOLD ssh nothing"
RUN echo "TOLD network $(grep -c : /proc/net/dev)"
RUN --network=none echo "TOLD network-none $(grep -c : /proc/net/dev)"
ADD --checksum=sha256:${CHECKSUM} ${URL} /made/added

FROM base:1 AS parent
USER 0
ONBUILD RUN echo "by the stage built on it" >/onbuild
FROM parent AS child

FROM base:1 AS runtime
COPY --link --from=tools /made /made
COPY --parents --exclude=**/*.md tree /parents/
COPY --chmod=u=rwx,go=r tree/file.txt /modes/symbolic
COPY --chmod=0640 --chown=7:8 tree/file.txt /modes/octal
COPY --from=child /onbuild /onbuild
SHELL ["/bin/sh", "-euc"]
HEALTHCHECK --interval=30s CMD ["/bin/true"]
VOLUME /data
USER 1000:1000
RUN echo "TOLD user $(id -u):$(id -g)"

FROM runtime
RUN echo "TOLD last stage" && false
