import pytest
from django.test import Client
from django.urls import reverse

from notes.models import Note
from notes.tasks import count_words


@pytest.fixture
def note(db: None) -> Note:
    return Note.objects.create(text="three short words")


def test_health_is_told_whatever_the_host_is_called(client: Client, db: None) -> None:
    assert client.get("/healthz", headers={"host": "10.0.0.7:8000"}).status_code == 200


def test_other_hosts_are_refused(client: Client) -> None:
    assert client.get("/", headers={"host": "10.0.0.7:8000"}).status_code == 400


def test_notes_are_listed(client: Client, note: Note) -> None:
    assert note.text in client.get(reverse("notes")).content.decode()


def test_a_note_is_kept_and_its_words_are_to_be_counted(
    client: Client, django_capture_on_commit_callbacks, db: None
) -> None:
    with django_capture_on_commit_callbacks(execute=True):
        assert client.post(reverse("notes"), {"text": "hello"}).status_code == 302
    from django_tasks_db.models import DBTaskResult

    assert Note.objects.get().text == "hello"
    assert DBTaskResult.objects.get().task_path == "notes.tasks.count_words"


def test_words_are_counted(note: Note) -> None:
    assert count_words.call(note.pk) == 3
    note.refresh_from_db()
    assert note.words == 3


def test_an_empty_note_is_refused(client: Client, db: None) -> None:
    assert client.post(reverse("notes"), {"text": ""}).status_code == 200
    assert not Note.objects.exists()
