//! Finds tenants whose tables are not what the migrations make.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use futures_util::stream::{self, StreamExt, TryStreamExt};
use serde::Serialize;
use sqlx::Row;
use sqlx::postgres::{PgConnection, PgRow};
use tenancy_core::{SchemaName, Slug, TenantId};
use tokio::time::Instant;
use uuid::Uuid;

use super::transaction::{self, Locks};
use super::{Fleet, missing};
use crate::error::{Error, ErrorKind};
use crate::migrate::Selection;
use crate::migrate::failure::Failure;
use crate::migrate::ledger::{self, Scope, Target, parsed};
use crate::migrate::script::{Script, apply};
use crate::migrate::selection::Tenants;
use crate::picture::{self, Difference, Digest, Object, ObjectKind};

/// How many schemas one question digests, on a connection of its own: what a process of the server
/// learns about a schema it does not forget.
const SCHEMAS_AT_ONCE: usize = 200;

/// How many such questions are under way.
const AT_ONCE: usize = 4;

/// Where tenants are not what the migrations make.
#[derive(Debug, Clone, Serialize)]
#[non_exhaustive]
pub struct DriftReport {
    /// The newest tenant migration of this program.
    pub head: Option<i64>,
    /// How many tenants were looked at.
    pub checked: usize,
    /// How long that took.
    #[serde(skip)]
    pub duration: Duration,
    /// The tenants that differ, by slug.
    #[serde(rename = "drifted")]
    pub tenants: Vec<TenantDrift>,
}

impl DriftReport {
    /// Whether any tenant differs.
    pub fn has_drift(&self) -> bool {
        !self.tenants.is_empty()
    }
}

/// One tenant and what it differs in.
#[derive(Debug, Clone, Serialize)]
#[non_exhaustive]
pub struct TenantDrift {
    /// The tenant.
    pub tenant: TenantId,
    /// Its name in URLs and commands.
    pub slug: Slug,
    /// Each object that is not as it should be.
    pub differences: Vec<Difference>,
}

/// A tenant, and the migrations that the ledger says it has.
#[derive(Debug, Clone)]
struct Subject {
    target: Target,
    versions: Vec<i64>,
}

/// What a set of migrations makes.
#[derive(Debug)]
struct Reference {
    digest: String,
    objects: Vec<Object>,
}

/// References by the versions that made them.
type References = BTreeMap<Vec<i64>, Reference>;

impl Fleet {
    /// Compares the tables of every selected tenant with what its migrations make, object by
    /// object: columns with type, default and nullability, constraints, indexes, views, functions,
    /// triggers, policies, sequences and the rest.
    ///
    /// The migrations are run in a schema that nobody sees, in a transaction that is rolled back:
    /// those of the head, and where tenants are behind, those that they have. A tenant's own
    /// tables are only described, in the server and many tenants at a time, so nothing of it is
    /// locked. The order of columns and the names of schemas are no difference, and neither is who
    /// may use what, which [`Fleet::doctor`] looks at, or what is published for replication. A tenant that is being made is not looked
    /// at. Of `selection` only the tenants count.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Configuration`] when the database was never prepared, [`ErrorKind::Core`] with
    /// `NotFound` when a selected tenant does not exist, and whatever a migration fails with.
    pub async fn drift(&self, selection: Selection) -> Result<DriftReport, Error> {
        let mut connection = self.open().await?;
        let report = self.drift_on(&mut connection, &selection).await;
        transaction::finish(connection, report).await
    }

    async fn drift_on(
        &self,
        connection: &mut PgConnection,
        selection: &Selection,
    ) -> Result<DriftReport, Error> {
        let clock = Instant::now();
        let only = match &selection.tenants {
            Tenants::All => None,
            Tenants::Only(slugs) => Some(slugs.as_slice()),
            Tenants::None => Some([].as_slice()),
        };
        let subjects = subjects(connection, only).await?;
        if let Some(slugs) = only {
            let found: BTreeSet<&Slug> = subjects
                .iter()
                .map(|subject| &subject.target.slug)
                .collect();
            if let Some(slug) = slugs.iter().find(|slug| !found.contains(slug)) {
                return Err(missing(slug));
            }
        }
        let mut references = References::new();
        for subject in &subjects {
            self.refer(connection, &mut references, &subject.versions)
                .await?;
        }
        let digests = self.digests(&subjects).await?;
        let mut tenants = Vec::new();
        for subject in &subjects {
            let expected = references.get(&subject.versions);
            let found = digests.get(&subject.target.schema);
            let is_known = |version| self.migrations.tenant.get(version).is_some();
            if expected.map(|reference| &reference.digest) == found
                && subject.versions.iter().copied().all(is_known)
            {
                continue;
            }
            let id = subject.target.id;
            let differences = self.look(connection, &mut references, id).await?;
            if !differences.is_empty() {
                tenants.push(TenantDrift {
                    tenant: id,
                    slug: subject.target.slug.clone(),
                    differences,
                });
            }
        }
        Ok(DriftReport {
            head: self.migrations.tenant.head(),
            checked: subjects.len(),
            duration: clock.elapsed(),
            tenants,
        })
    }

    /// Digests every schema, many in one question.
    async fn digests(&self, subjects: &[Subject]) -> Result<BTreeMap<SchemaName, String>, Error> {
        let ask = async |subjects: &[Subject]| {
            let schemas: Vec<&SchemaName> = subjects
                .iter()
                .map(|subject| &subject.target.schema)
                .collect();
            let mut connection = self.open().await?;
            let digests = async {
                transaction::send(&mut connection, READ.to_owned()).await?;
                let digests = picture::digests(&mut connection, &schemas).await?;
                transaction::commit(&mut connection).await?;
                Ok::<_, Error>(digests)
            };
            let digests = digests.await;
            transaction::finish(connection, digests).await
        };
        let answers: Vec<Vec<Digest>> = stream::iter(subjects.chunks(SCHEMAS_AT_ONCE))
            .map(ask)
            .buffer_unordered(AT_ONCE)
            .try_collect()
            .await?;
        let digests = answers.into_iter().flatten();
        Ok(digests
            .map(|digest| (digest.schema, digest.value))
            .collect())
    }

    /// Makes the reference of `versions` if there is none yet.
    async fn refer(
        &self,
        connection: &mut PgConnection,
        references: &mut References,
        versions: &[i64],
    ) -> Result<(), Error> {
        if !references.contains_key(versions) {
            let reference = self.reference(connection, versions).await;
            references.insert(versions.to_vec(), reference?);
        }
        Ok(())
    }

    /// Runs the migrations `versions` in a schema that nobody sees, and describes what they make.
    async fn reference(
        &self,
        connection: &mut PgConnection,
        versions: &[i64],
    ) -> Result<Reference, Error> {
        let name = format!("tenancy_drift_{}", Uuid::now_v7().simple());
        let schema = SchemaName::parse(&name)?;
        let scope = Scope::Tenant(Target {
            id: TenantId::generate(),
            slug: Slug::parse("drift")?,
            schema: schema.clone(),
            status: tenancy_core::Status::Provisioning,
        });
        let wanted: Vec<_> = self
            .migrations
            .tenant
            .iter()
            .filter(|migration| versions.contains(&migration.version()))
            .collect();
        let reference = async {
            let begin = transaction::begin(&Locks::of_schema(&schema));
            transaction::send(connection, begin).await?;
            let preamble = format!("CREATE SCHEMA {}", schema.quoted());
            apply(
                connection,
                &Script::new(preamble, &scope, &wanted, Uuid::now_v7()),
            )
            .await
            .map_err(Failure::into_error)?;
            let mut digests = picture::digests(connection, &[&schema]).await?;
            Ok::<_, Error>(Reference {
                digest: digests.pop().map(|digest| digest.value).unwrap_or_default(),
                objects: picture::objects(connection, &schema).await?,
            })
        };
        let reference = reference.await;
        transaction::rollback(connection).await?;
        reference.map_err(|error| error.while_doing("making the schema to compare tenants with"))
    }

    /// Compares one tenant as it is now, which may have been migrated or renamed meanwhile.
    async fn look(
        &self,
        connection: &mut PgConnection,
        references: &mut References,
        id: TenantId,
    ) -> Result<Vec<Difference>, Error> {
        loop {
            let Some(before) = subject(connection, id).await? else {
                return Ok(Vec::new());
            };
            self.refer(connection, references, &before.versions).await?;
            transaction::send(connection, READ.to_owned()).await?;
            let objects = picture::objects(connection, &before.target.schema).await;
            transaction::rollback(connection).await?;
            let after = subject(connection, id).await?;
            let is_same = after.is_some_and(|after| {
                after.versions == before.versions && after.target == before.target
            });
            if !is_same {
                continue;
            }
            let unknown = before
                .versions
                .iter()
                .filter(|&&version| self.migrations.tenant.get(version).is_none());
            let mut differences: Vec<_> = unknown
                .map(|version| Difference {
                    kind: ObjectKind::Migration,
                    object: version.to_string(),
                    expected: None,
                    found: Some("applied by a newer program".to_owned()),
                })
                .collect();
            match objects {
                Ok(found) => {
                    let expected = references.get(&before.versions);
                    let expected = expected.map(|reference| reference.objects.as_slice());
                    differences.extend(picture::differences(expected.unwrap_or_default(), &found));
                }
                Err(error) if error.kind() == ErrorKind::SchemaMismatch => {
                    let name = before.target.schema.to_string();
                    differences.push(Difference {
                        kind: ObjectKind::Schema,
                        expected: Some(format!("CREATE SCHEMA {name}")),
                        object: name,
                        found: None,
                    });
                }
                Err(error) => return Err(error),
            }
            return Ok(differences);
        }
    }
}

/// Begins to describe schemas.
const READ: &str = "BEGIN ISOLATION LEVEL READ COMMITTED READ ONLY; \
    SET LOCAL standard_conforming_strings = on; SET LOCAL statement_timeout = 0; \
    SET LOCAL lock_timeout = '5s'";

const SUBJECTS: &str = "
    SELECT t.id AS tenant_id, t.slug, t.schema_name, t.status,
        coalesce(pg_catalog.array_agg(m.version ORDER BY m.version)
            FILTER (WHERE m.version IS NOT NULL), '{}') AS versions
    FROM tenancy.tenants t
    LEFT JOIN tenancy.migrations m ON m.scope = 'tenant' AND m.tenant_id = t.id
    WHERE t.status NOT IN ('purged', 'provisioning')
      AND ($1::text[] IS NULL OR t.slug = ANY ($1)) AND ($2::uuid IS NULL OR t.id = $2)
    GROUP BY t.id ORDER BY t.slug";

async fn subjects(
    connection: &mut PgConnection,
    only: Option<&[Slug]>,
) -> Result<Vec<Subject>, Error> {
    let only: Option<Vec<&str>> = only.map(|slugs| slugs.iter().map(Slug::as_str).collect());
    let rows = sqlx::query(SUBJECTS)
        .bind(only)
        .bind(None::<Uuid>)
        .fetch_all(connection)
        .await
        .map_err(ledger::explain)?;
    Ok(rows
        .iter()
        .map(from_row)
        .collect::<Result<_, sqlx::Error>>()?)
}

async fn subject(connection: &mut PgConnection, id: TenantId) -> Result<Option<Subject>, Error> {
    let row = sqlx::query(SUBJECTS)
        .bind(None::<Vec<String>>)
        .bind(id.as_uuid())
        .fetch_optional(connection)
        .await
        .map_err(ledger::explain)?;
    Ok(row.as_ref().map(from_row).transpose()?)
}

fn from_row(row: &PgRow) -> Result<Subject, sqlx::Error> {
    Ok(Subject {
        target: Target {
            id: TenantId::from_uuid(row.try_get("tenant_id")?),
            slug: parsed(row, "slug")?,
            schema: parsed(row, "schema_name")?,
            status: parsed(row, "status")?,
        },
        versions: row.try_get("versions")?,
    })
}
