//! What is searched and written changes in one step, or not at all.

use serde_json::{Value, json};
use tenancy_core::{Error, TenantId};

use super::document::{body, of_generation, of_tenant};
use super::failure::{Failure, unavailable};
use super::link::{Body, Link, PATIENCE};
use super::name::{Generation, shared};
use super::state::acknowledged;
use crate::index::Index;

/// Steps that the server takes together.
#[derive(Debug, Default)]
pub(super) struct Swap(Vec<Value>);

impl Swap {
    /// Gives a generation in `target` another name.
    pub(super) fn add(
        mut self,
        index: &Index,
        generation: Generation,
        target: &str,
        alias: &str,
    ) -> Self {
        let mut add = alias_of(index, generation, target, alias);
        add["index"] = json!(target);
        add["alias"] = json!(alias);
        self.0.push(json!({"add": add}));
        self
    }

    /// Takes a name away; without it nothing of all this happens.
    pub(super) fn remove(mut self, target: &str, alias: &str) -> Self {
        let checked = !tenancy_core::sabotaged!("search.elastic-unchecked-swap");
        self.0.push(json!({
            "remove": {"index": target, "alias": alias, "must_exist": checked}
        }));
        self
    }

    /// Removes a whole index; without it nothing of all this happens.
    pub(super) fn remove_index(mut self, name: &str) -> Self {
        self.0.push(json!({"remove_index": {"index": name}}));
        self
    }

    /// Takes a name away if it is there.
    pub(super) fn forget(mut self, target: &str, alias: &str) -> Self {
        self.0.push(json!({
            "remove": {"index": target, "alias": alias, "must_exist": false}
        }));
        self
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl Link {
    pub(super) async fn swap(&self, swap: Swap) -> Result<(), Failure> {
        let actions = json!({"actions": swap.0});
        let path = format!("/_aliases?{PATIENCE}");
        let answer = self.post(&path, Body::Json(&actions)).await?;
        acknowledged(&answer).map_err(Failure::Down)
    }

    /// Makes an index of one generation with these aliases, all in one step.
    pub(super) async fn create(
        &self,
        index: &Index,
        generation: Generation,
        aliases: &[&str],
    ) -> Result<(), Failure> {
        let name = generation.index(index);
        let aliases: serde_json::Map<String, Value> = aliases
            .iter()
            .map(|alias| {
                let of = alias_of(index, generation, &name, alias);
                ((*alias).to_owned(), of)
            })
            .collect();
        self.make(&name, &aliases.into()).await
    }

    /// Makes the index that small tenants share, unless it is there.
    pub(super) async fn create_shared(&self, index: &Index) -> Result<String, Error> {
        let name = shared(index.prefix(), index.kind());
        match self.make(&name, &json!({})).await {
            Err(Failure::Refused(refusal))
                if refusal.kind == "resource_already_exists_exception" => {}
            made => made?,
        }
        Ok(name)
    }

    /// Takes the name that is searched, so that nobody else gives it to what they provision.
    pub(super) async fn claim(&self, index: &Index) -> Result<(), Failure> {
        self.make(index.name().as_str(), &json!({})).await
    }

    async fn make(&self, name: &str, aliases: &Value) -> Result<(), Failure> {
        let mut body = body();
        body["aliases"] = aliases.clone();
        let answer = self.put(&format!("/{name}?{PATIENCE}"), &body).await?;
        acknowledged(&answer).map_err(Failure::Down)?;
        if answer["shards_acknowledged"] != true {
            return Err(Failure::Down(unavailable(format!(
                "elasticsearch made the index {name:?} but cannot write to it; check the space on \
                 its disks"
            ))));
        }
        Ok(())
    }

    /// Waits until what was provisioned earlier can be searched and written.
    pub(super) async fn usable(&self, name: &str) -> Result<(), Error> {
        let path = format!(
            "/_cluster/health/{name}?wait_for_status=yellow&expand_wildcards=none&{PATIENCE}"
        );
        let answer = self.get(&path).await?;
        if answer["timed_out"] == true || answer["status"] == "red" {
            return Err(unavailable(format!(
                "elasticsearch cannot write to the index {name:?}; check its nodes and disks"
            )));
        }
        Ok(())
    }
}

/// How an alias leads to a generation. Two indexes never have it both, because each would be the
/// one that is written; in a shared index it leads to this tenant's documents only.
fn alias_of(index: &Index, generation: Generation, target: &str, alias: &str) -> Value {
    let mut of = json!({});
    if alias == index.name().as_str() {
        of["is_write_index"] = json!(true);
    }
    if target == shared(index.prefix(), index.kind()) {
        of["routing"] = json!(routing(index.tenant()));
        of["filter"] = json!({"bool": {"filter": [
            of_tenant(index.tenant()), of_generation(generation)
        ]}});
    }
    of
}

/// Which shard a tenant's documents are on.
pub(super) fn routing(tenant: TenantId) -> String {
    tenant.as_uuid().simple().to_string()
}
