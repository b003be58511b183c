#!/bin/sh
# Not Python: forwards "manage.py COMMAND" and "python manage.py COMMAND" to the app's own commands.
case ${1:-} in manage.py | */manage.py) shift ;; esac
exec saas "$@"
