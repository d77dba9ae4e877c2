//! A plan for machines: `hybridctl.plan/1`, as in `plans/NAME.json`.
//!
//! Our own keys come in a fixed order, steps by address, and the keys of values sorted, so equal plans are equal bytes. It is for
//! reading: `apply` takes the plan file, not this.

use super::plan_step::{impacts, why};
use super::plan_summary::{DataFate, counts_json, data_fates};
use super::plan_text::{Meta, Place};
use crate::plan::{Change, Plan, Reason, Step};
use serde_json::{Map, Value, json};

/// Name and version of the format. A reader ignores keys that it does not know and refuses another number.
pub const PLAN_SCHEMA: &str = "hybridctl.plan/1";

/// Returns the plan as JSON. `account` is null for an offline plan and `sandbox` for one of the sandbox.
pub fn plan_json(plan: &Plan, meta: &Meta) -> Value {
    let account = match &meta.place {
        Place::Offline => None,
        Place::Sandbox => Some("sandbox"),
        Place::Account(account) => Some(account.as_str()),
    };
    json!({
        "schemaVersion": PLAN_SCHEMA,
        "deployment": meta.deployment,
        "region": meta.region,
        "account": account,
        "serial": plan.serial,
        "changes": !plan.is_empty(),
        "summary": counts_json(plan),
        "data": data_fates(plan).iter().map(fate_json).collect::<Vec<_>>(),
        "steps": plan.steps.values().map(|step| step_json(step, meta.place == Place::Offline)).collect::<Vec<_>>(),
    })
}

fn fate_json(fate: &DataFate) -> Value {
    match fate {
        DataFate::Copied(address, copy) => json!({"address": address, "fate": "copied", "copy": copy}),
        DataFate::CopiedEarlier(address, copy) => json!({"address": address, "fate": "copied_earlier", "copy": copy}),
        DataFate::Lost(address) => json!({"address": address, "fate": "lost", "copy": null}),
        DataFate::Empty(address) => json!({"address": address, "fate": "empty", "copy": null}),
    }
}

fn step_json(step: &Step, offline: bool) -> Value {
    let after = step.after.iter().map(|(address, edge)| {
        json!({"address": address, "need": edge.need, "on_delete": edge.on_delete, "uses": edge.uses})
    });
    json!({
        "address": step.address,
        "action": step.action,
        "reason": reason_code(&step.reason),
        "why": why(step, offline),
        "guide": Some(&step.guide).filter(|guide| !guide.is_empty()),
        "label": Some(&step.label).filter(|label| !label.is_empty()),
        "id": step.id,
        "changes": step.changes.iter().map(change_json).collect::<Vec<_>>(),
        "inputs": sorted(&step.inputs),
        "after": after.collect::<Vec<_>>(),
        "create_first": step.create_first,
        "release": step.release,
        "restore": step.restore,
        "leftovers": step.deposed,
        "keep": step.keep,
        "holds_data": step.holds_data,
        "impact": impacts(step),
    })
}

fn change_json(change: &Change) -> Value {
    json!({
        "field": change.field,
        "from": sorted(&change.from),
        "to": sorted(&change.to),
        "effect": change.effect,
        "drift": change.drift,
        "impact": change.impact,
    })
}

/// The reason as one word, without the text that some carry: that is in `why`.
fn reason_code(reason: &Reason) -> &'static str {
    match reason {
        Reason::Unchanged => "unchanged",
        Reason::New => "new",
        Reason::LookedUpAtApply => "looked_up_at_apply",
        Reason::DeletedOutside => "deleted_outside",
        Reason::Interrupted => "interrupted",
        Reason::FoundByTags => "found_by_tags",
        Reason::Restored => "restored",
        Reason::Config => "config",
        Reason::Drift => "drift",
        Reason::Failed(_) => "failed",
        Reason::NotWanted => "not_wanted",
        Reason::Kept(_) => "kept",
        Reason::NotOurs => "not_ours",
        Reason::Leftovers => "leftovers",
    }
}

/// The same value with the keys of every map in alphabetical order.
fn sorted(value: &Value) -> Value {
    match value {
        Value::Array(items) => items.iter().map(sorted).collect(),
        Value::Object(map) => {
            let mut entries: Vec<(&String, &Value)> = map.iter().collect();
            entries.sort_by_key(|(key, _)| *key);
            let entries = entries.into_iter().map(|(key, value)| (key.clone(), sorted(value)));
            Value::Object(entries.collect::<Map<String, Value>>())
        }
        other => other.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::Action;
    use crate::report::samples::{plan_of, reference, step};
    use crate::resource::Effect;

    fn meta(place: Place) -> Meta {
        Meta { deployment: "zenml-hybrid".into(), region: "eu-central-1".into(), place }
    }

    #[test]
    fn equal_plans_are_equal_bytes() {
        let plan = |inputs: &str| {
            let inputs = serde_json::from_str(inputs).unwrap();
            plan_json(&plan_of([step("ec2.vpc/main", Action::Create).inputs(inputs)]), &meta(Place::Offline))
                .to_string()
        };
        assert_eq!(plan(r#"{"a":1,"b":{"c":2,"d":3}}"#), plan(r#"{"b":{"d":3,"c":2},"a":1}"#));
    }

    #[test]
    fn a_plan_for_machines() {
        let plan = plan_of([step("ec2.subnet/a", Action::Replace)
            .guide("step 1")
            .id("subnet-1")
            .uses("ec2.vpc/main")
            .reason(Reason::Failed("error".into()))
            .inputs(json!({"vpc_id": reference("ec2.vpc/main#vpc_id")}))
            .change("cidr_block", json!("10.0.0.0/20"), json!("10.0.16.0/20"), Effect::Replace)]);
        let json = plan_json(&plan, &meta(Place::Account("123456789012".into())));
        insta::assert_snapshot!(format!("{json:#}"), @r#"
        {
          "schemaVersion": "hybridctl.plan/1",
          "deployment": "zenml-hybrid",
          "region": "eu-central-1",
          "account": "123456789012",
          "serial": 7,
          "changes": true,
          "summary": {
            "create": 0,
            "adopt": 0,
            "update": 0,
            "replace": 1,
            "delete": 0,
            "forget": 0,
            "retain": 0,
            "keep": 0,
            "leftovers": 0
          },
          "data": [],
          "steps": [
            {
              "address": "ec2.subnet/a",
              "action": "replace",
              "reason": "failed",
              "why": "it can never be used (`error`)",
              "guide": "step 1",
              "label": "a",
              "id": "subnet-1",
              "changes": [
                {
                  "field": "cidr_block",
                  "from": "10.0.0.0/20",
                  "to": "10.0.16.0/20",
                  "effect": "replace",
                  "drift": false,
                  "impact": null
                }
              ],
              "inputs": {
                "vpc_id": {
                  "$output": "ec2.vpc/main#vpc_id"
                }
              },
              "after": [
                {
                  "address": "ec2.vpc/main",
                  "need": "settled",
                  "on_delete": "reversed",
                  "uses": true
                }
              ],
              "create_first": false,
              "release": false,
              "restore": false,
              "leftovers": [],
              "keep": "never",
              "holds_data": false,
              "impact": [
                "it is absent until the new one is made"
              ]
            }
          ]
        }
        "#);
    }
}
