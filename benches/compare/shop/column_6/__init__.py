"""The project's migrations and one more, with which it is run again."""

from shop import migrations

__path__ = [*__path__, *migrations.__path__]
