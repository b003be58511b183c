//! The names of what can be found; one never changes its meaning.

use std::fmt;
use std::str::FromStr;

use serde::{Serialize, Serializer};

use super::Severity;
use crate::error::{Error, ErrorKind};

/// What is wrong, as programs and settings name it; a code never changes its meaning.
///
/// ```
/// use tenancy_sqlx::doctor::{Code, Severity};
///
/// let code: Code = "login_superuser".parse()?;
/// assert_eq!(code.severity(), Severity::Critical);
///
/// let error = "login_superusr".parse::<Code>().unwrap_err();
/// assert!(error.to_string().contains("did you mean login_superuser?"));
/// # Ok::<(), tenancy_sqlx::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Code {
    /// `server_too_old`: the application's server is older than PostgreSQL 15.
    ServerTooOld,
    /// `another_database`: the two connections lead to different databases.
    AnotherDatabase,
    /// `not_prepared`: the framework's tables are not in this database.
    NotPrepared,
    /// `clock_wrong`: this machine and the server disagree by more than thirty seconds.
    ClockWrong,
    /// `login_superuser`: the application's login is a superuser or may become one.
    LoginSuperuser,
    /// `login_bypasses_rls`: no policy counts for the application's login.
    LoginBypassesRls,
    /// `login_creates_roles`: the application's login may make itself a member of other roles.
    LoginCreatesRoles,
    /// `login_reaches_server`: the application's login may run programs or use files there.
    LoginReachesServer,
    /// `login_path_not_empty`: unqualified names of the application's login find something.
    LoginPathNotEmpty,
    /// `strings_not_standard`: backslashes in strings are escapes for the application's login.
    StringsNotStandard,
    /// `schema_open_to_public`: every login may make objects in a schema.
    SchemaOpenToPublic,
    /// `login_creates_in_schema`: the application's login may make objects in a schema.
    LoginCreatesInSchema,
    /// `security_definer_in_tenant`: a routine of a tenant runs with its owner's rights.
    SecurityDefinerInTenant,
    /// `security_definer_unpinned`: a routine with its owner's rights looks where its caller says.
    SecurityDefinerUnpinned,
    /// `routine_of_another_tenant`: a routine looks for its names in another tenant's schema.
    RoutineOfAnotherTenant,
    /// `cross_tenant_dependency`: something outside a tenant's schema is made of something in it.
    CrossTenantDependency,
    /// `schema_missing`: a tenant has a record and no schema.
    SchemaMissing,
    /// `clock_drifts`: this machine and the server disagree by more than two seconds.
    ClockDrifts,
    /// `login_creates_databases`: the application's login may make databases.
    LoginCreatesDatabases,
    /// `login_creates_schemas`: the application's login may make schemas.
    LoginCreatesSchemas,
    /// `login_creates_temporary`: the application's login may make temporary tables.
    LoginCreatesTemporary,
    /// `login_owns_tenants`: the application's login owns what it should only use.
    LoginOwnsTenants,
    /// `login_without_limit`: nothing ends a statement, a wait or an idle transaction.
    LoginWithoutLimit,
    /// `direct_connection_pooled`: the owner's connection goes through a pooler.
    DirectConnectionPooled,
    /// `session_settings_left`: a new connection has settings of somebody else's session.
    SessionSettingsLeft,
    /// `statements_left`: a new connection has prepared statements of somebody else's session.
    StatementsLeft,
    /// `routine_path_not_pinned`: a routine looks for its names where its caller does.
    RoutinePathNotPinned,
    /// `public_shadows_tenant`: a table in `public` is called as one of tenants is.
    PublicShadowsTenant,
    /// `type_per_tenant`: each tenant has a type of its own with the same name.
    TypePerTenant,
    /// `extension_out_of_reach`: an extension is not in the schema `extensions`.
    ExtensionOutOfReach,
    /// `extensions_not_usable`: the application's login may not use the schema `extensions`.
    ExtensionsNotUsable,
    /// `grants_missing`: the application's login cannot reach rows of a tenant.
    GrantsMissing,
    /// `migrations_pending`: something is behind this program's migrations.
    MigrationsPending,
    /// `migrations_differ`: what was applied is not what this program knows.
    MigrationsDiffer,
    /// `schema_orphaned`: a schema looks like a tenant's and is nobody's.
    SchemaOrphaned,
    /// `transaction_pooling`: the application's connections are those of a transaction pooler.
    TransactionPooling,
    /// `session_pooling`: the application's connections were used by others before.
    SessionPooling,
    /// `application_not_seen`: how the application connects is not known here.
    ApplicationNotSeen,
}

impl Code {
    /// Every code, worst first.
    pub const ALL: &'static [Self] = &[
        Self::ServerTooOld,
        Self::AnotherDatabase,
        Self::NotPrepared,
        Self::ClockWrong,
        Self::LoginSuperuser,
        Self::LoginBypassesRls,
        Self::LoginCreatesRoles,
        Self::LoginReachesServer,
        Self::LoginPathNotEmpty,
        Self::StringsNotStandard,
        Self::SchemaOpenToPublic,
        Self::LoginCreatesInSchema,
        Self::SecurityDefinerInTenant,
        Self::SecurityDefinerUnpinned,
        Self::RoutineOfAnotherTenant,
        Self::CrossTenantDependency,
        Self::SchemaMissing,
        Self::ClockDrifts,
        Self::LoginCreatesDatabases,
        Self::LoginCreatesSchemas,
        Self::LoginCreatesTemporary,
        Self::LoginOwnsTenants,
        Self::LoginWithoutLimit,
        Self::DirectConnectionPooled,
        Self::SessionSettingsLeft,
        Self::StatementsLeft,
        Self::RoutinePathNotPinned,
        Self::PublicShadowsTenant,
        Self::TypePerTenant,
        Self::ExtensionOutOfReach,
        Self::ExtensionsNotUsable,
        Self::GrantsMissing,
        Self::MigrationsPending,
        Self::MigrationsDiffer,
        Self::SchemaOrphaned,
        Self::TransactionPooling,
        Self::SessionPooling,
        Self::ApplicationNotSeen,
    ];

    /// The code as it is written in settings, commands and documents.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::ServerTooOld => "server_too_old",
            Self::AnotherDatabase => "another_database",
            Self::NotPrepared => "not_prepared",
            Self::ClockWrong => "clock_wrong",
            Self::LoginSuperuser => "login_superuser",
            Self::LoginBypassesRls => "login_bypasses_rls",
            Self::LoginCreatesRoles => "login_creates_roles",
            Self::LoginReachesServer => "login_reaches_server",
            Self::LoginPathNotEmpty => "login_path_not_empty",
            Self::StringsNotStandard => "strings_not_standard",
            Self::SchemaOpenToPublic => "schema_open_to_public",
            Self::LoginCreatesInSchema => "login_creates_in_schema",
            Self::SecurityDefinerInTenant => "security_definer_in_tenant",
            Self::SecurityDefinerUnpinned => "security_definer_unpinned",
            Self::RoutineOfAnotherTenant => "routine_of_another_tenant",
            Self::CrossTenantDependency => "cross_tenant_dependency",
            Self::SchemaMissing => "schema_missing",
            Self::ClockDrifts => "clock_drifts",
            Self::LoginCreatesDatabases => "login_creates_databases",
            Self::LoginCreatesSchemas => "login_creates_schemas",
            Self::LoginCreatesTemporary => "login_creates_temporary",
            Self::LoginOwnsTenants => "login_owns_tenants",
            Self::LoginWithoutLimit => "login_without_limit",
            Self::DirectConnectionPooled => "direct_connection_pooled",
            Self::SessionSettingsLeft => "session_settings_left",
            Self::StatementsLeft => "statements_left",
            Self::RoutinePathNotPinned => "routine_path_not_pinned",
            Self::PublicShadowsTenant => "public_shadows_tenant",
            Self::TypePerTenant => "type_per_tenant",
            Self::ExtensionOutOfReach => "extension_out_of_reach",
            Self::ExtensionsNotUsable => "extensions_not_usable",
            Self::GrantsMissing => "grants_missing",
            Self::MigrationsPending => "migrations_pending",
            Self::MigrationsDiffer => "migrations_differ",
            Self::SchemaOrphaned => "schema_orphaned",
            Self::TransactionPooling => "transaction_pooling",
            Self::SessionPooling => "session_pooling",
            Self::ApplicationNotSeen => "application_not_seen",
        }
    }

    /// How bad it is; a [`Code::SchemaMissing`] of a tenant that does not serve is a warning.
    pub const fn severity(self) -> Severity {
        match self {
            Self::ServerTooOld
            | Self::AnotherDatabase
            | Self::NotPrepared
            | Self::ClockWrong
            | Self::LoginSuperuser
            | Self::LoginBypassesRls
            | Self::LoginCreatesRoles
            | Self::LoginReachesServer
            | Self::LoginPathNotEmpty
            | Self::StringsNotStandard
            | Self::SchemaOpenToPublic
            | Self::LoginCreatesInSchema
            | Self::SecurityDefinerInTenant
            | Self::SecurityDefinerUnpinned
            | Self::RoutineOfAnotherTenant
            | Self::CrossTenantDependency
            | Self::SchemaMissing => Severity::Critical,
            Self::TransactionPooling | Self::SessionPooling | Self::ApplicationNotSeen => {
                Severity::Note
            }
            _ => Severity::Warning,
        }
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl Serialize for Code {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl FromStr for Code {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        if let Some(code) = Self::ALL.iter().find(|code| code.as_str() == text) {
            return Ok(*code);
        }
        let meant = match nearest(text) {
            Some(code) => format!("did you mean {code}? "),
            None => String::new(),
        };
        let all: Vec<&str> = Self::ALL.iter().map(|code| code.as_str()).collect();
        Err(Error::new(
            ErrorKind::InvalidInput,
            format!(
                "{text:?} is no code of the doctor: {meant}the codes are {}",
                all.join(", ")
            ),
        ))
    }
}

/// The code that `text` was probably meant to be.
fn nearest(text: &str) -> Option<Code> {
    let text = text.to_ascii_lowercase().replace('-', "_");
    let distance = |code: &Code| strsim::damerau_levenshtein(&text, code.as_str());
    let code = Code::ALL.iter().copied().min_by_key(distance)?;
    (distance(&code) <= code.as_str().len() / 3).then_some(code)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_reads_as_it_is_written_and_they_are_in_order() {
        for code in Code::ALL {
            assert_eq!(code.as_str().parse::<Code>().unwrap(), *code);
        }
        assert!(Code::ALL.is_sorted());
        assert!(Code::ALL.is_sorted_by_key(|code| code.severity()));
    }

    #[test]
    fn an_unknown_code_is_refused_with_the_one_that_was_meant_and_all_there_are() {
        for (typed, meant) in [
            ("login_superusr", Some("login_superuser")),
            ("Login-Superuser", Some("login_superuser")),
            ("schema_orphan", Some("schema_orphaned")),
            ("x", None),
            ("", None),
        ] {
            let said = typed.parse::<Code>().unwrap_err().to_string();
            assert!(said.contains("application_not_seen"), "{said}");
            match meant {
                Some(code) => assert!(said.contains(&format!("did you mean {code}?")), "{said}"),
                None => assert!(!said.contains("did you mean"), "{said}"),
            }
        }
    }
}
