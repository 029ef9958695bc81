"""What people see of a pull request whose tests fail: its commit status, its comments, and what operators are told."""

import os
import subprocess
import sys
import time

from components.conventions import plain
from local.follow import follow, wait_for_run
from local.forge.client import PullRequest
from local.forge.setup import REPOSITORY
from local.machine import Machine
from local.paths import ROOT
from local.progress import Progress

# The sample's tests find it.
MESSAGE = "TODO: say something"
_SECONDS = 120.0


def begin(running: Machine) -> PullRequest:
    """Open the pull request. Its run goes on beside whatever comes next."""
    developer, branch = running.forge.developer, f"fails-{int(time.time() * 1000):x}"
    developer.commit(REPOSITORY, branch, "Say something later", {"message.txt": f"{MESSAGE}\n"}, base="main")
    return developer.open_pull_request(REPOSITORY, branch, "Say something later")


def show(running: Machine, opened: PullRequest, application: str, progress: Progress) -> bool:
    """Print what everybody sees once its run has ended, and close it. Returns whether that was the failure."""
    developer = running.forge.developer
    progress.line(f"\nMeanwhile: pull request #{opened.number}, whose tests fail")
    run = wait_for_run(running.kubernetes, "staging-ci", opened.number, application=application)
    succeeded, _ = follow(running.kubernetes, run, progress.line, seconds=_SECONDS)
    for context, status in sorted(developer.statuses(REPOSITORY, opened.head_sha).items()):
        progress.line(plain(f"  status {context}: {status.state}, {status.description}"))
    for comment in developer.comments(REPOSITORY, opened.number):
        progress.line(plain(f"  {comment.user} comments:"))
        for line in comment.body.splitlines():
            progress.line(plain(f"    {line}"))
    command = ["why", "staging", application, str(opened.number)]
    progress.line(f"  python -m operate {' '.join(command)}")
    environment = os.environ | {"KUBECONFIG": str(running.cluster.kubeconfig)}
    told = subprocess.run(
        [sys.executable, "-m", "operate", *command],
        cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False,
    )  # fmt: skip
    for line in told.stdout.splitlines():
        progress.line(f"    {line}")
    developer.close(REPOSITORY, opened.number)
    return not succeeded and told.returncode == 0
