"""The forge's record of the webhooks it sent, and Gitea's button that sends one again. Its REST API has neither."""

import sqlite3
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import httpx

from local.errors import UserError


@dataclass(frozen=True)
class Delivery:
    """One webhook, sent or about to be."""

    id: str
    """What its X-GitHub-Delivery header said."""
    webhook: int
    event: str
    body: bytes
    """What was signed and sent, byte for byte."""
    delivered: bool
    succeeded: bool
    ended: float
    """When the receiver had answered, in seconds since 1970; 0 before that."""


def read(state: Path) -> list[Delivery]:
    """All that are still recorded, oldest first. `state` is the forge's folder."""
    query = (
        "SELECT uuid, hook_id, event_type, payload_content, is_delivered, is_succeed, delivered FROM hook_task ORDER BY id"
    )
    with closing(sqlite3.connect(f"file:{state / 'gitea.db'}?mode=ro", uri=True, timeout=5.0)) as database:
        return [
            Delivery(uuid, webhook, event, body.encode(), bool(delivered), bool(succeeded), (ended or 0) / 1e9)
            for uuid, webhook, event, body, delivered, succeeded, ended in database.execute(query)
        ]


def send_again(url: str, user: str, password: str, repository: str, delivery: Delivery) -> None:
    """Press the button: the same body and signature go to the webhook's URL again, under a new delivery id."""
    what = f"send the delivery {delivery.id} of {repository} again"
    try:
        with httpx.Client(base_url=url, trust_env=False, timeout=30.0) as browser:
            browser.post("/user/login", data={"user_name": user, "password": password})
            path = f"/{repository}/settings/hooks/{delivery.webhook}/replay/{delivery.id}"
            answer = browser.post(path)
    except httpx.HTTPError as error:
        raise UserError(f"Cannot {what}: no answer from the forge at {url} ({error}).") from error
    if answer.status_code not in (httpx.codes.OK, httpx.codes.SEE_OTHER, httpx.codes.FOUND):
        raise UserError(f"Cannot {what}: the forge answered {answer.status_code}.")
