"""The migrations of `column_6` and one more."""

from shop import column_6

__path__ = [*__path__, *column_6.__path__]
