//! The busiest tenants, and all others as one.

use std::collections::HashMap;

use tenancy_core::{Exposition, Slug, TenantContext, TenantId};

/// How all others are called; no tenant can be called so.
const OTHERS: &str = "(others)";

/// Counts requests of tenants, of which some have a figure of their own.
///
/// A figure only grows: a tenant that becomes one of the busiest starts at zero, and what it did
/// before stays with the others.
#[derive(Debug)]
pub(super) struct Tenants {
    top: usize,
    seen: HashMap<TenantId, Seen>,
    others: u64,
}

#[derive(Debug)]
struct Seen {
    slug: Slug,
    /// Requests of late, by which the busiest are chosen.
    recent: u64,
    /// The figure of its own.
    own: Option<u64>,
}

impl Tenants {
    pub(super) fn new(top: usize) -> Self {
        Self {
            top,
            seen: HashMap::new(),
            others: 0,
        }
    }

    pub(super) fn count(&mut self, tenant: &TenantContext) {
        let seen = self.seen.entry(tenant.id()).or_insert_with(|| Seen {
            slug: tenant.slug().clone(),
            recent: 0,
            own: None,
        });
        seen.recent += 1;
        if seen.slug != *tenant.slug() {
            seen.slug = tenant.slug().clone();
        }
        match &mut seen.own {
            Some(own) => *own += 1,
            None => self.others += 1,
        }
    }

    /// Tells the figures, and then chooses who has one until the next time.
    pub(super) fn expose(&mut self, out: &mut Exposition) {
        let mut named: Vec<_> = self
            .seen
            .values()
            .filter_map(|seen| Some((seen.slug.as_str(), seen.own?)))
            .collect();
        named.sort_unstable();
        let mut family = out.counter(
            "tenancy_tenant_requests_total",
            "Requests of the busiest tenants, each since it became one, and of all others.",
        );
        for (slug, own) in named {
            family.sample(&[("tenant", slug)], own);
        }
        family.sample(&[("tenant", OTHERS)], self.others);
        self.choose();
    }

    fn choose(&mut self) {
        // Who was idle since the last two times is forgotten.
        self.seen.retain(|_, seen| seen.recent > 0);
        let mut busiest: Vec<_> = self
            .seen
            .iter()
            .map(|(id, seen)| (seen.recent, seen.own.is_some(), *id))
            .collect();
        busiest.sort_unstable_by(|a, b| b.cmp(a));
        for (place, (_, _, id)) in busiest.into_iter().enumerate() {
            if let Some(seen) = self.seen.get_mut(&id) {
                seen.own = (place < self.top).then(|| seen.own.unwrap_or(0));
                seen.recent /= 2;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use tenancy_core::{SchemaName, Status, Tenant};

    use super::*;

    fn tenant(slug: &str) -> TenantContext {
        let slug = Slug::parse(slug).unwrap();
        let schema = SchemaName::parse("s").unwrap();
        let tenant = Tenant::new(TenantId::generate(), slug, schema);
        TenantContext::new(tenant.with_status(Status::Active).into(), "test").unwrap()
    }

    fn told(tenants: &mut Tenants) -> Vec<String> {
        let mut out = Exposition::new();
        tenants.expose(&mut out);
        let text = out.into_text();
        let samples = text
            .lines()
            .filter_map(|line| line.strip_prefix("tenancy_tenant_requests_total"));
        samples.map(str::to_owned).collect()
    }

    #[test]
    fn the_busiest_have_figures_that_only_grow_and_the_others_one() {
        let mut tenants = Tenants::new(2);
        let all = ["a1", "b1", "c1"].map(tenant);
        for (tenant, times) in all.iter().zip([5, 3, 1]) {
            (0..times).for_each(|_| tenants.count(tenant));
        }
        assert_eq!(told(&mut tenants), [r#"{tenant="(others)"} 9"#]);
        for tenant in &all {
            tenants.count(tenant);
        }
        let expected = [
            r#"{tenant="a1"} 1"#,
            r#"{tenant="b1"} 1"#,
            r#"{tenant="(others)"} 10"#,
        ];
        assert_eq!(told(&mut tenants), expected);
        // The third becomes busier than both; whoever it displaces counts among the others again.
        (0..50).for_each(|_| tenants.count(&all[2]));
        tenants.count(&all[0]);
        told(&mut tenants);
        for tenant in &all {
            tenants.count(tenant);
        }
        let expected = [
            r#"{tenant="a1"} 3"#,
            r#"{tenant="c1"} 1"#,
            r#"{tenant="(others)"} 61"#,
        ];
        assert_eq!(told(&mut tenants), expected);
    }

    #[test]
    fn a_fleet_that_was_seen_once_is_forgotten() {
        let mut tenants = Tenants::new(2);
        for _ in 0..1_000 {
            tenants.count(&tenant("some"));
        }
        told(&mut tenants);
        told(&mut tenants);
        assert!(tenants.seen.is_empty(), "{}", tenants.seen.len());
        assert_eq!(told(&mut tenants), [r#"{tenant="(others)"} 1000"#]);
    }
}
