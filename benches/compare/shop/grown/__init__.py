"""The project's migrations, and those that the bench adds while it runs."""

import os

from shop import migrations

__path__ = [*migrations.__path__, os.environ["COMPARE_GROWN"]]
