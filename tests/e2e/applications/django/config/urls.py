from django.urls import path

from notes import views

urlpatterns = [
    path("", views.NoteList.as_view(), name="notes"),
]
