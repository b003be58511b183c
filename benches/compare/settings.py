"""The least that django-tenants needs."""

import os

SECRET_KEY = "only for a bench"
USE_TZ = True
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

# django-tenants imports content types; no tenant has them.
SHARED_APPS = ["django_tenants", "customers", "django.contrib.contenttypes"]
TENANT_APPS = ["shop"]
INSTALLED_APPS = SHARED_APPS + TENANT_APPS
TENANT_MODEL = "customers.Client"
TENANT_DOMAIN_MODEL = "customers.Domain"

DATABASE_ROUTERS = ["django_tenants.routers.TenantSyncRouter"]
DATABASES = {
    "default": {
        "ENGINE": "django_tenants.postgresql_backend",
        "HOST": os.environ["COMPARE_HOST"],
        "PORT": os.environ.get("COMPARE_PORT", "5432"),
        "USER": os.environ["COMPARE_USER"],
        "PASSWORD": os.environ.get("COMPARE_PASSWORD", ""),
        "NAME": os.environ["COMPARE_DB"],
        "CONN_MAX_AGE": None,
    }
}
TENANT_LIMIT_SET_CALLS = True
