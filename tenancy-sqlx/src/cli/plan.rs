//! `plan list|set|assign|override`.

use std::str::FromStr;

use clap::{Args, Subcommand};
use tenancy_core::{FeatureName, LimitName, Overrides, Plan, PlanName, Slug, Tenant};

use super::output::{Exit, Output, table};
use crate::{Error, Fleet};

/// What can be done with plans.
#[derive(Debug, Clone, Subcommand)]
pub enum PlanCommand {
    /// List the plans with their limits and features.
    #[command(after_help = "Example:\n  plan list")]
    List,
    /// Make a plan, or change the terms of all tenants that have it.
    ///
    /// What is not named is unlimited, and no feature of it.
    #[command(
        after_help = "Examples:\n  plan set free --limit products=50 --limit users=5\n  \
                      plan set team --limit products=5000 --feature exports"
    )]
    Set {
        /// The plan's name.
        plan: PlanName,
        /// The most there may be of something.
        #[arg(long = "limit", value_name = "NAME=NUMBER")]
        limits: Vec<Limit>,
        /// What its tenants may use.
        #[arg(long = "feature", value_name = "NAME")]
        features: Vec<FeatureName>,
    },
    /// Give a tenant a plan; what is otherwise for it stays so.
    #[command(after_help = "Examples:\n  plan assign acme team\n  plan assign acme --none")]
    Assign {
        /// The tenant's slug.
        tenant: Slug,
        /// The plan's name.
        #[arg(required_unless_present = "none", conflicts_with = "none")]
        plan: Option<PlanName>,
        /// Take its plan away: but for what is otherwise for it, everything is unlimited then.
        #[arg(long)]
        none: bool,
    },
    /// Change where a tenant's terms differ from its plan's; what is not named stays as it is.
    #[command(
        after_help = "Examples:\n  plan override acme --limit products=100 --feature exports\n  \
                      plan override acme --unlimited products\n  \
                      plan override acme --planned products"
    )]
    Override(Box<Override>),
}

/// What is to be otherwise for a tenant.
#[derive(Debug, Clone, Args)]
#[command(group(clap::ArgGroup::new("terms").required(true).multiple(true)))]
pub struct Override {
    /// The tenant's slug.
    tenant: Slug,
    /// The most there may be of something.
    #[arg(long = "limit", value_name = "NAME=NUMBER", group = "terms")]
    limits: Vec<Limit>,
    /// Let there be any number of something.
    #[arg(long, value_name = "LIMIT", group = "terms")]
    unlimited: Vec<LimitName>,
    /// Limit something as its plan does again.
    #[arg(long, value_name = "LIMIT", group = "terms")]
    planned: Vec<LimitName>,
    /// Let it use something.
    #[arg(long = "feature", value_name = "FEATURE", group = "terms")]
    features: Vec<FeatureName>,
    /// Do not let it use something.
    #[arg(long, value_name = "FEATURE", group = "terms")]
    without_feature: Vec<FeatureName>,
    /// Have a feature, or have it not, as its plan says again.
    #[arg(long, value_name = "FEATURE", group = "terms")]
    planned_feature: Vec<FeatureName>,
}

/// `NAME=NUMBER`.
#[derive(Debug, Clone)]
pub struct Limit(LimitName, u64);

impl FromStr for Limit {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (name, most) = text
            .split_once('=')
            .ok_or_else(|| format!("{text:?} has no =: write it as products=50"))?;
        let name = LimitName::parse(name).map_err(|error| error.to_string())?;
        let most = most
            .parse()
            .map_err(|_| format!("{most:?} is no whole number: write it as {name}=50"))?;
        Ok(Self(name, most))
    }
}

impl PlanCommand {
    pub(super) async fn run(self, fleet: &Fleet, output: &Output) -> Result<Exit, Error> {
        match self {
            Self::List => {
                let plans = fleet.plans().await?;
                output.result("plans", &plans, || {
                    let rows = plans.iter().map(|plan| {
                        let limits = plan.limits().iter();
                        let limits = limits.map(|(name, most)| format!("{name}={most}"));
                        let features = plan.features().iter().map(ToString::to_string);
                        [
                            plan.name().to_string(),
                            limits.collect::<Vec<_>>().join(" "),
                            features.collect::<Vec<_>>().join(" "),
                        ]
                    });
                    table(["PLAN", "LIMITS", "FEATURES"], rows)
                });
            }
            Self::Set {
                plan,
                limits,
                features,
            } => {
                let plan = limits
                    .into_iter()
                    .fold(Plan::new(plan), |plan, Limit(name, most)| {
                        plan.limit(name, most)
                    });
                let plan = features.into_iter().fold(plan, Plan::feature);
                fleet.prepare().await?;
                fleet.set_plan(&plan).await?;
                output.result("plan", &plan, || format!("plan {} is set", plan.name()));
            }
            Self::Assign { tenant, plan, .. } => {
                fleet.prepare().await?;
                let tenant = fleet.assign_plan(&tenant, plan.as_ref()).await?;
                output.result("tenant", &tenant, || said(&tenant));
            }
            Self::Override(words) => {
                fleet.prepare().await?;
                let tenant = words.tenant.clone();
                let tenant = fleet
                    .override_limits(&tenant, |own| words.apply(own))
                    .await?;
                output.result("tenant", &tenant, || said(&tenant));
            }
        }
        Ok(Exit::Done)
    }
}

impl Override {
    fn apply(self, overrides: Overrides) -> Overrides {
        let own = self
            .limits
            .into_iter()
            .fold(overrides, |own, Limit(name, most)| own.limit(name, most));
        let own = self.unlimited.into_iter().fold(own, Overrides::unlimited);
        let own = self.planned.iter().fold(own, Overrides::planned_limit);
        let own = self.features.into_iter().fold(own, Overrides::feature);
        let without = self.without_feature.into_iter();
        let own = without.fold(own, Overrides::without_feature);
        let planned = self.planned_feature.iter();
        planned.fold(own, Overrides::planned_feature)
    }
}

/// What holds for the tenant now.
fn said(tenant: &Tenant) -> String {
    let plan = match tenant.plan() {
        Some(plan) => format!("{} has plan {plan}", tenant.slug()),
        None => format!("{} has no plan", tenant.slug()),
    };
    let limits = tenant.limits().iter();
    let limits = limits.map(|(name, most)| format!("; at most {most} {name}"));
    let features = tenant
        .features()
        .iter()
        .map(|name| format!("; with {name}"));
    limits.chain(features).fold(plan, |said, part| said + &part)
}
