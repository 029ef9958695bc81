"""A job that the clock starts in a delivery namespace: a module of `steps/`, with the API server's token of its account."""

from collections.abc import Sequence

import pulumi

from components.conventions import Manifest, limits, pod_of, restricted
from components.tasks import python
from components.tasks.step import API_TOKEN_PATH


def cron_job(
    module: str,
    *,
    schedule: str,
    late: int,
    longest: int,
    account: str,
    labels: dict[str, str],
    namespace: pulumi.Input[str],
    tools_image: str,
    env: Sequence[Manifest],
    mounts: Sequence[Manifest],
    volumes: Sequence[Manifest],
) -> Manifest:
    """Return a CronJob's spec. It may start `late` by so many seconds, and takes the `longest` so many.

    `env` comes between the variables that all have.
    """
    container = {
        "name": module,
        "image": tools_image,
        "command": list(python.COMMAND),
        "args": python.arguments(module),
        "env": [
            {"name": "HOME", "value": "/nonexistent"},
            {"name": "NAMESPACE", "value": namespace},
            *env,
            {"name": "API_ACCESS", "value": API_TOKEN_PATH},
        ],
        "resources": limits("1", "512Mi"),
        "securityContext": restricted() | {"readOnlyRootFilesystem": True},
        "volumeMounts": list(mounts),
    }
    pod = pod_of(account, container, volumes) | {"restartPolicy": "Never"}
    return {
        "schedule": schedule,
        "concurrencyPolicy": "Forbid",
        "startingDeadlineSeconds": late,
        "successfulJobsHistoryLimit": 1,
        "failedJobsHistoryLimit": 1,
        "jobTemplate": {
            "metadata": {"labels": labels},
            "spec": {
                "backoffLimit": 0,
                "activeDeadlineSeconds": longest,
                "template": {"metadata": {"labels": labels}, "spec": pod},
            },
        },
    }
