"""Does one word of work per line of standard input, and answers each with a line of JSON."""

import contextlib
import importlib
import json
import os
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
sys.dont_write_bytecode = True
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "settings")

import django  # noqa: E402

django.setup()

from importlib.metadata import PackageNotFoundError, version  # noqa: E402

import psycopg  # noqa: E402
from customers.models import Client, Domain  # noqa: E402
from django.conf import settings  # noqa: E402
from django.core.management import call_command  # noqa: E402
from django.db import connection  # noqa: E402

# Where the migrations of added columns are written, one file each.
GROWN = tempfile.TemporaryDirectory()
os.environ["COMPARE_GROWN"] = GROWN.name
settings.MIGRATION_MODULES = {"shop": "shop.grown"}

COLUMN = """\
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("shop", "{before}")]
    operations = [
        migrations.AddField("product", "added_{number}", models.TextField(null=True)),
    ]
"""


def migrate(executor, **more):
    """Seconds of one run; what it prints goes nowhere, as fast as a file takes it."""
    with open(os.devnull, "w") as nowhere, contextlib.redirect_stdout(nowhere):
        start = time.perf_counter()
        call_command(
            "migrate_schemas", tenant=True, executor=executor, interactive=False, verbosity=0, **more
        )
        return time.perf_counter() - start


def rows(sql, *values):
    with connection.cursor() as cursor:
        cursor.execute(sql, values)
        return cursor.fetchall()


def create(count):
    made, ms = Client.objects.count(), []
    for number in range(made, made + int(count)):
        start = time.perf_counter()
        client = Client(schema_name=f"dj_{number:05}", name=f"Tenant {number}")
        client.save(verbosity=0)
        Domain.objects.create(domain=f"dj-{number}.localhost", tenant=client, is_primary=True)
        ms.append((time.perf_counter() - start) * 1e3)
    return {"ms": ms}


def column(executor):
    number = 6 + len(os.listdir(GROWN.name))
    before = "0005_notifications" if number == 6 else f"{number - 1:04}_column"
    file = Path(GROWN.name, f"{number:04}_column.py")
    file.write_text(COLUMN.format(before=before, number=number))
    importlib.invalidate_caches()
    seconds = migrate(executor)
    found = rows(
        "SELECT count(*) FROM pg_catalog.pg_attribute a"
        " JOIN pg_catalog.pg_class c ON c.oid = a.attrelid"
        " JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace"
        " WHERE a.attname = %s AND n.nspname LIKE 'dj\\_%%'",
        f"added_{number}",
    )
    return {"seconds": seconds, "schemas": found[0][0]}


def tables():
    schemas = Client.objects.count()
    found = rows(
        "SELECT count(*) FILTER (WHERE c.relkind = 'r'), count(*) FILTER (WHERE c.relkind = 'i')"
        " FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace"
        " WHERE n.nspname = 'dj_00000'"
    )
    return {"schemas": schemas, "tables": found[0][0], "indexes": found[0][1]}


def versions():
    try:
        tenants = version("django-tenants")
    except PackageNotFoundError:
        tenants = "a checkout"
    return {
        "django": django.get_version(),
        "django_tenants": tenants,
        "psycopg": f"{psycopg.__version__} ({psycopg.pq.__impl__})",
        "python": sys.version.split()[0],
    }


DO = {
    "create": create,
    "migrate": lambda executor: {"seconds": migrate(executor)},
    "column": column,
    "tables": tables,
    "versions": versions,
}


def main():
    with open(os.devnull, "w") as nowhere, contextlib.redirect_stdout(nowhere):
        call_command("migrate_schemas", shared=True, interactive=False, verbosity=0)
    for line in sys.stdin:
        word, *values = line.split()
        print(json.dumps(DO[word](*values)), flush=True)


if __name__ == "__main__":
    main()
