#!/bin/sh
# Runs once, when the container's PostgreSQL has made its database: two logins that are no
# superusers. One owns the database and migrates it; requests run as the other, which has what it is
# granted and nothing else. `saas serve` gives that one its empty path and timeouts.
set -eu
psql --no-psqlrc --quiet -v ON_ERROR_STOP=1 -U "$POSTGRES_USER" -d "$POSTGRES_DB" \
  -v database="$POSTGRES_DB" -v superuser="$POSTGRES_USER" -v password="$POSTGRES_PASSWORD" <<'SQL'
BEGIN;
CREATE ROLE saas_owner LOGIN PASSWORD :'password';
CREATE ROLE saas_app LOGIN NOINHERIT PASSWORD :'password';
ALTER DATABASE :"database" OWNER TO saas_owner;
REVOKE ALL ON DATABASE :"database" FROM PUBLIC;
GRANT CONNECT ON DATABASE :"database" TO saas_app;
REVOKE CREATE ON SCHEMA public FROM PUBLIC;
CREATE SCHEMA extensions AUTHORIZATION saas_owner;
GRANT USAGE ON SCHEMA extensions TO saas_app;
-- From here on the superuser gets in through the container's own socket alone.
ALTER ROLE :"superuser" PASSWORD NULL;
COMMIT;
SQL
