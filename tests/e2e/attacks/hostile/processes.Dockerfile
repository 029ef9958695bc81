# Looks through every process that it can see, ends what it can end, and asks for what a sandbox refuses.
ARG BASE
FROM ${BASE}
USER 0
RUN cat /proc/[0-9]*/cmdline | tr '\0' ' ' | grep -o -E '[b]uildkitd|[b]uildctl|[i]mage.sh' | sort -u | \
    while read -r name; do echo "SEEN $name"; done; \
    for process in /proc/[0-9]*; do \
        [ "$(stat -L -c %d:%i "$process/root/")" = "$(stat -L -c %d:%i /)" ] || \
            cat "$process/root/credentials/registry/config.json" "$process/environ"; \
        ls "$process/fd" >/dev/null && [ "$(readlink "$process/exe")" ] && echo "OPENED $process $(readlink "$process/exe")"; \
    done; true
RUN mount -t tmpfs none /mnt && echo "GOT mount"; unshare -U true && echo "GOT unshare"; \
    mknod /disk b 8 0 && echo "GOT mknod"; echo x >/proc/sys/kernel/core_pattern && echo "GOT core_pattern"; \
    echo h >/proc/sysrq-trigger && echo "GOT sysrq"; echo 3 >/proc/sys/vm/drop_caches && echo "GOT drop_caches"; \
    dmesg | head -1; nsenter -t 1 -m true && echo "GOT nsenter"; chroot / true && echo "CONTROL chroot"; true
RUN ls /dev/otel-grpc.sock && echo "GOT trace socket"; ls /dev/null && echo "CONTROL devices"; true
