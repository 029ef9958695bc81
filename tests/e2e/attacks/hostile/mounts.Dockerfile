# Every form of mount, led out by links as far as they lead. Each prints what it found: a decoy lies wherever a link leads
# inside, and what it stands for lies at the same path of the step that builds.
ARG BASE
FROM ${BASE} AS linked
USER 0
RUN mkdir -p /credentials/registry && echo decoy >/credentials/registry/config.json && \
    ln -s / /slash && ln -s /credentials/registry /folder && ln -s ../../../../../../../../credentials/registry /up

FROM ${BASE}
USER 0
RUN --mount=type=bind,from=linked,source=/slash,target=/m echo "FOUND bind-root: $(cat /m/credentials/registry/config.json)"
RUN --mount=type=bind,from=linked,source=/folder,target=/m echo "FOUND bind-folder: $(cat /m/config.json)"
RUN --mount=type=bind,from=linked,source=/up,target=/m echo "FOUND bind-up: $(cat /m/config.json)"
RUN --mount=type=bind,from=linked,source=/slash,target=/m,rw echo "FOUND bind-rw: $(cat /m/credentials/registry/config.json)"; \
    mkdir -p /m/usr/bin /m/storage; for path in usr/bin/buildkitd usr/bin/buildctl storage/canary; do echo evil >/m/$path; done
RUN --mount=type=cache,id=../..,target=/m echo "FOUND cache-id-up: $(find /m -type f)"
RUN --mount=type=cache,id=/credentials/registry,target=/m echo "FOUND cache-id: $(find /m -type f)"
RUN --mount=type=cache,from=linked,source=/slash,target=/m echo "FOUND cache-root: $(cat /m/credentials/registry/config.json)"
RUN --mount=type=cache,from=linked,source=/folder,target=/m echo "FOUND cache-folder: $(cat /m/config.json)"
RUN --mount=type=bind,source=stolen,target=/m echo "FOUND context-file: $(cat /m)"
RUN --mount=type=bind,source=stolen-folder,target=/m echo "FOUND context-folder: $(cat /m/config.json)"
RUN --mount=type=bind,source=up,target=/m echo "FOUND context-up: $(cat /m/config.json)"
RUN --mount=type=bind,source=../..,target=/m echo "FOUND context-parent: $(cat /m/credentials/registry/config.json)"
RUN --mount=type=bind,source=.,target=/m,rw echo "FOUND context-rw: $(cat /m/stolen)"; echo evil >/m/message.txt
RUN --mount=type=tmpfs,target=/m echo "FOUND tmpfs: $(find /m -type f)"
RUN --mount=type=secret,id=config.json echo "FOUND secret: $(cat /run/secrets/config.json)"
RUN --mount=type=secret,id=../registry/config.json,target=/m echo "FOUND secret-path: $(cat /m)"
RUN --mount=type=ssh,target=/m echo "FOUND ssh: $(ls /m)"
# What is made for a mount is removed after it, through a link if that was followed.
RUN --mount=type=bind,from=linked,source=/credentials,target=/x/storage/canary rm -rf /x; ln -s / /x; true
COPY stolen /copied
COPY stolen-folder/ /copied-folder/
COPY --from=linked /slash/credentials/registry/config.json /copied-from
ADD stolen /added
RUN echo "FOUND copies: $(cat /copied /copied-folder/* /copied-from /added)"
