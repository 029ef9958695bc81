"""What a forge could not be told when a run ended is told later: a job every ten minutes, as the step that tells.

It has that step's identity and its credential, and no other right: a list of TaskRuns, and statuses and comments on the
forge.
"""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pulumi
import pulumi_kubernetes as k8s

from components.conventions import REPORTER, TELLER, Manifest, labels, literal, token
from components.cron_job import cron_job
from components.network import TELLER_LABELS
from components.tasks.step import variable, with_volumes

# GitHub's limits of requests are by the hour, and a forge is rarely down for longer than it takes to start again.
_SCHEDULE = "*/10 * * * *"
_PARAM = re.compile(r"\$\(params\.([a-z-]+)\)")


@dataclass(frozen=True, kw_only=True)
class TellingArgs:
    """Where runs end, and how that is told."""

    environment: str
    namespace: pulumi.Input[str]
    """The delivery namespace."""
    tools_image: str
    reports: Mapping[str, Manifest]
    """Specs of the Tasks that tell, by name: each has one step. The first one has what all others have to tell by."""


class Telling(pulumi.ComponentResource):
    """A CronJob. The reporter, whose it is, belongs to `Access`."""

    def __init__(
        self,
        name: str,
        args: TellingArgs,
        opts: pulumi.ResourceOptions | None = None,
        *,
        after: Sequence[pulumi.Resource] = (),
    ) -> None:
        """`after` is the environment, which has what the job runs."""
        super().__init__(token("Telling"), name, None, opts)
        common = labels(environment=args.environment) | TELLER_LABELS
        k8s.batch.v1.CronJob(
            f"{name}-{TELLER}",
            metadata={"name": TELLER, "namespace": args.namespace, "labels": common},
            spec=job(args, common),
            opts=pulumi.ResourceOptions(parent=self, depends_on=after),
        )
        self.register_outputs({})


def job(args: TellingArgs, labels: dict[str, str]) -> Manifest:
    """Return the CronJob's spec."""
    spec = with_volumes(next(iter(args.reports.values())))
    (step,) = spec["steps"]
    variables = {name: _given(task) for name, task in args.reports.items()}
    return cron_job(
        "retell",
        schedule=_SCHEDULE,
        late=300,
        longest=540,
        account=REPORTER,
        labels=labels,
        namespace=args.namespace,
        tools_image=args.tools_image,
        env=[variable("REPORTER_ACCOUNT", REPORTER), variable("REPORTS", literal(json.dumps(variables)))],
        mounts=step["volumeMounts"],
        volumes=spec["volumes"],
    )


def _given(task: Manifest) -> dict[str, object]:
    """Return a Task's step, and its variables: each one's value, or the param that has it. Others are the job's own."""
    (step,) = task["steps"]
    made: dict[str, object] = {}
    for each in step["env"]:
        value = each.get("value", "")
        param = _PARAM.fullmatch(value)
        if param:
            made[each["name"]] = {"param": param[1]}
        elif "$(" not in value:
            made[each["name"]] = value
    return {"step": step["name"], "env": made}
