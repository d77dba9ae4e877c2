//! The field table applied to two values.

use super::Seen;
use crate::model::input::is_known;
use crate::resource::{Changed, Effect, Field, Observed, TagChange, Tags};
use serde::{Deserialize, Serialize};
use serde_json::Value;

pub use crate::resource::actions::TAGS;

/// One field that differs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Change {
    /// The field's name, or `tags`.
    pub field: String,
    /// The live value.
    pub from: Value,
    /// The wanted value; a reference if it is known only at apply.
    pub to: Value,
    /// What the change costs.
    pub effect: Effect,
    /// True if the configuration did not move: somebody changed AWS.
    pub drift: bool,
    /// What the change means for the users of the deployment.
    pub impact: Option<String>,
}

/// What is compared with what.
pub struct Sides<'a> {
    /// The field table.
    pub fields: &'a [Field],
    /// Wanted, as far as known.
    pub want: &'a Value,
    /// Live.
    pub live: &'a Observed,
    /// As last applied, if anything is on record.
    pub recorded: Option<&'a Value>,
    /// Wanted tags.
    pub tags: &'a Tags,
    /// Tags as last applied.
    pub recorded_tags: Option<&'a Tags>,
}

/// Every difference, in the order of the field table, tags last.
pub fn changes(sides: &Sides<'_>) -> Vec<Change> {
    let mut changes: Vec<Change> = sides.fields.iter().filter_map(|field| field_change(sides, field)).collect();
    changes.extend(tag_change(sides));
    changes
}

fn field_change(sides: &Sides<'_>, field: &Field) -> Option<Change> {
    if field.effect == Effect::CreateOnly {
        return None;
    }
    let want = &sides.want[field.name];
    let recorded = sides.recorded.map(|recorded| &recorded[field.name]);
    // What AWS never returns is taken from the record; without a record there is nothing to compare with.
    let live = if field.unread { recorded.unwrap_or(want) } else { &sides.live.inputs[field.name] };
    if field.satisfied(want, live) {
        return None;
    }
    Some(Change {
        field: field.name.to_owned(),
        from: live.clone(),
        to: want.clone(),
        effect: field.effect,
        drift: is_known(want) && recorded.is_some_and(|recorded| field.satisfied(want, recorded)),
        impact: field.impact.map(str::to_owned),
    })
}

fn tag_change(sides: &Sides<'_>) -> Option<Change> {
    let live = sides.live.tags.as_ref().or(sides.recorded_tags)?;
    let change = tags_to_set(sides.tags, live, sides.recorded_tags)?;
    let touched = |tags: &Tags| -> Tags {
        let keys = change.set.keys().filter(|key| live.get(*key) != sides.tags.get(*key)).chain(&change.remove);
        keys.filter_map(|key| tags.get(key).map(|value| (key.clone(), value.clone()))).collect()
    };
    let unmoved = sides.recorded_tags == Some(sides.tags);
    Some(Change {
        field: TAGS.to_owned(),
        from: serde_json::to_value(touched(live)).expect("because tags are strings"),
        to: serde_json::to_value(touched(sides.tags)).expect("because tags are strings"),
        effect: Effect::Update,
        drift: unmoved,
        impact: None,
    })
}

/// The tag change that brings `live` to `want`, or `None`. Tags that hybridctl never set are left alone.
fn tags_to_set(want: &Tags, live: &Tags, recorded: Option<&Tags>) -> Option<TagChange> {
    let remove: Vec<String> = recorded
        .into_iter()
        .flat_map(|recorded| recorded.keys())
        .filter(|key| !want.contains_key(*key) && live.contains_key(*key))
        .cloned()
        .collect();
    let missing = want.iter().any(|(key, value)| live.get(key) != Some(value));
    (missing || !remove.is_empty()).then(|| TagChange { set: want.clone(), remove })
}

/// What `update` is asked to bring in order: the updatable differences.
pub fn changed(sides: &Sides<'_>, changes: &[Change]) -> Changed {
    let fields = changes.iter().filter(|change| change.field != TAGS && change.effect == Effect::Update);
    let live_tags = sides.live.tags.as_ref().or(sides.recorded_tags);
    Changed {
        fields: fields.map(|change| change.field.clone()).collect(),
        tags: live_tags.and_then(|live| tags_to_set(sides.tags, live, sides.recorded_tags)),
    }
}

/// The live object of an observation.
pub fn live(seen: Option<&Seen>) -> Option<(&crate::resource::Id, &Observed)> {
    match seen {
        Some(Seen::Live(id, observed)) => Some((id, observed)),
        _ => None,
    }
}

/// True if what is wanted can never be what was recorded: a field that is fixed for life differs.
pub(super) fn replaces(fields: &[Field], recorded: &Value, want: &Value) -> bool {
    let fixed = fields.iter().filter(|field| field.effect == Effect::Replace && is_known(&want[field.name]));
    fixed.into_iter().any(|field| !field.satisfied(&want[field.name], &recorded[field.name]))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::resource::Phase;
    use serde_json::json;

    const FIELDS: &[Field] =
        &[Field::update("size"), Field::replace("name"), Field::update("version").unread(), Field::create_only("seed")];

    fn observed(inputs: Value, tags: Option<Tags>) -> Observed {
        Observed { inputs, outputs: None, phase: Phase::Ready, tags, detail: None }
    }

    fn tag(key: &str, value: &str) -> Tags {
        Tags::from([(key.into(), value.into())])
    }

    #[test]
    fn each_difference_says_what_it_costs_and_whose_it_is() {
        let want = json!({"size": 2, "name": "b", "version": "v2", "seed": 9});
        let recorded = json!({"size": 2, "name": "a", "version": "v1", "seed": 1});
        let live = observed(json!({"size": 1, "name": "a", "version": null, "seed": 1}), None);
        let (tags, recorded_tags) = (tag("team", "b"), tag("team", "a"));
        let sides = Sides {
            fields: FIELDS,
            want: &want,
            live: &live,
            recorded: Some(&recorded),
            tags: &tags,
            recorded_tags: Some(&recorded_tags),
        };
        let changes = changes(&sides);
        let told: Vec<_> = changes.iter().map(|c| (c.field.as_str(), c.effect, c.drift)).collect();
        assert_eq!(
            told,
            [
                ("size", Effect::Update, true),
                ("name", Effect::Replace, false),
                ("version", Effect::Update, false),
                ("tags", Effect::Update, false)
            ]
        );
    }

    #[test]
    fn a_tag_that_we_set_and_no_longer_want_is_removed_and_a_strangers_stays() {
        let live = tag("old", "1").into_iter().chain(tag("theirs", "x")).collect::<Tags>();
        let change = tags_to_set(&Tags::new(), &live, Some(&tag("old", "1"))).unwrap();
        assert_eq!(change.remove, ["old"]);
        assert_eq!(tags_to_set(&Tags::new(), &tag("theirs", "x"), Some(&Tags::new())), None);
    }
}
