from django.tasks import task

from notes.models import Note


@task
def count_words(note_id: int) -> int:
    note = Note.objects.get(pk=note_id)
    note.words = len(note.text.split())
    note.save(update_fields=["words"])
    return note.words
