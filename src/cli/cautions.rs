//! What a plan alone does not tell: settings that have no effect any more, and changes whose price is easily overlooked.

use super::Global;
use super::session::Session;
use super::telling;
use crate::model::Address;
use crate::plan::{Action, Plan};
use crate::state::place::Store;

/// Says what is worth a second look before the plan is carried out.
pub(crate) fn tell(global: &Global, session: &Session, plan: &Plan) {
    for caution in cautions(session, plan) {
        telling::say(global, &format!("caution: {caution}"));
    }
}

fn cautions(session: &Session, plan: &Plan) -> Vec<String> {
    let mut cautions = vec![];
    let database = &session.config.database;
    let instance = Address::new("rds.instance", "main");
    let action = |address: &Address| plan.steps.get(address).map(|step| step.action);
    if action(&instance) == Some(Action::Create) && database.restore_from.is_none() {
        let kept = session.state.resources.iter().filter(|(address, _)| address.kind == "rds.snapshot");
        if let Some((_, snapshot)) = kept.max_by_key(|(address, _)| address.name.clone()) {
            cautions.push(format!(
                "the new database starts empty; to have the kept data back, add to [database]:\n    restore_from = \"{}\"",
                snapshot.id
            ));
        }
    }
    let key = Address::new("secrets.generated", "encryption-key");
    if let (Some(snapshot), Some(Action::Create)) = (&database.restore_from, action(&instance))
        && action(&key) == Some(Action::Create)
        && !plan.steps[&key].restore
    {
        cautions.push(format!(
            "the secrets in the data of `{snapshot}` will be unreadable: the encryption key is made anew, and the one that they \
             were stored with is on no record here; put its value into the new secret and run `hybridctl up` again"
        ));
    }
    if let Some(recorded) = session.state.resources.get(&instance).filter(|_| action(&instance) != Some(Action::Create))
    {
        let wanted = database.restore_from.as_deref();
        if wanted.is_some() && wanted != recorded.inputs["restore_from"].as_str() {
            cautions
                .push("`database.restore_from` has no effect: it is used only when the database is created".to_owned());
        }
        let has = recorded.inputs["storage_gib"].as_u64().unwrap_or_default();
        if u64::from(database.storage_gib) < has {
            cautions
                .push(format!("`database.storage_gib` has no effect: the database has {has} GiB and cannot shrink"));
        }
    }
    if action(&Address::new("route53.record", "endpoint")) == Some(Action::Delete) {
        cautions.push(format!("{} stops resolving until the record exists elsewhere", session.config.host()));
    }
    if let (true, Store::File(store)) = (session.state.is_empty(), &session.store) {
        let beside = store.neighbours().into_iter().filter(|name| *name != session.config.name);
        cautions.extend(beside.map(|name| {
            format!("`{name}` is on record here too: with another `name` this is a second deployment, and the first one stays")
        }));
    }
    let egress = plan.steps.values().any(|step| {
        step.address.kind == "ec2.elastic_ip" && session.state.resources.contains_key(&instance) && step.acts()
    });
    if egress {
        cautions.push(
            "the addresses that tasks call out from change: see `hybridctl output egress_addresses` afterwards"
                .to_owned(),
        );
    }
    cautions
}
