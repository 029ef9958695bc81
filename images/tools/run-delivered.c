/* Runs an application's command; before the first delivery, in the tools image, what stands for it until then. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

int main(int count, char **arguments) {
    char *placeholder[] = {"/usr/bin/serve-placeholder", NULL};
    if (count < 2)
        return 2;
    execv(placeholder[0], placeholder);
    if (errno == ENOENT || errno == ENOTDIR)
        execvp(arguments[1], arguments + 1);
    int reason = errno;
    fprintf(stderr, "%s: %s\n", arguments[1], strerror(reason));
    return reason == ENOENT ? 127 : 126;
}
