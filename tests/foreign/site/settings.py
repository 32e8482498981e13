"""A Django project with `django-dkron` in it, set up as that app's documentation asks for."""

import os

SECRET_KEY = "of a test"
INSTALLED_APPS = ["django.contrib.contenttypes", "django.contrib.auth", "logbasecommand", "notifications", "dkron"]
DATABASES = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": os.environ["SITE_DATABASE"]}}  # noqa: TID251
ROOT_URLCONF = "foreign.site.urls"
USE_TZ = True

DKRON_URL = os.environ["DKRON_URL"]  # noqa: TID251
DKRON_NAMESPACE = os.environ.get("DKRON_NAMESPACE")  # noqa: TID251
DKRON_JOB_LABEL = os.environ.get("DKRON_JOB_LABEL")  # noqa: TID251
DKRON_API_AUTH = os.environ.get("DKRON_API_AUTH")  # noqa: TID251
