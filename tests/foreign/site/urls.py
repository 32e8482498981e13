"""Where the project serves the app, whose dashboard is a proxy of Dkron."""

from django.urls import include, path

urlpatterns = [path("dkron/", include("dkron.urls"))]
