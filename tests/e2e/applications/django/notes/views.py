from functools import partial

from django.db import transaction
from django.forms import ModelForm
from django.http import HttpResponse
from django.urls import reverse_lazy
from django.views.generic import CreateView

from notes.models import Note
from notes.tasks import count_words


class NoteList(CreateView):
    """The notes there are, and the form for one more."""

    model = Note
    fields = ["text"]
    template_name = "notes/note_list.html"
    success_url = reverse_lazy("notes")
    extra_context = {"notes": Note.objects}

    def form_valid(self, form: ModelForm) -> HttpResponse:
        with transaction.atomic():
            response = super().form_valid(form)
            transaction.on_commit(partial(count_words.enqueue, self.object.pk))
        return response
