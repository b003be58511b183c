-- A tenant's own role, where tenants have one, appends for its tenant alone. For everybody else
-- the tables are what they were: what their rights admit, these policies admit.

ALTER TABLE tenancy.outbox ENABLE ROW LEVEL SECURITY;
CREATE POLICY as_granted ON tenancy.outbox USING (true);
CREATE POLICY own_tenant ON tenancy.outbox AS RESTRICTIVE USING (
    CASE WHEN pg_catalog.starts_with(CURRENT_USER::text, 'tenancy_tenant')
         THEN CURRENT_USER::text = 'tenancy_tenant_' || pg_catalog.replace(tenant_id::text, '-', '')
         ELSE true END);

ALTER TABLE tenancy.audit ENABLE ROW LEVEL SECURITY;
CREATE POLICY as_granted ON tenancy.audit USING (true);
CREATE POLICY own_tenant ON tenancy.audit AS RESTRICTIVE USING (
    CASE WHEN pg_catalog.starts_with(CURRENT_USER::text, 'tenancy_tenant')
         THEN CURRENT_USER::text = 'tenancy_tenant_' || pg_catalog.replace(tenant_id::text, '-', '')
         ELSE true END);
