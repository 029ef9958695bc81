from collections.abc import Callable

from django.db import connection
from django.http import HttpRequest, HttpResponse


class HealthMiddleware:
    """Answers probes before ALLOWED_HOSTS is looked at: a kubelet asks by the pod's address."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if request.path != "/healthz":
            return self.get_response(request)
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
        return HttpResponse("ok\n", content_type="text/plain")
