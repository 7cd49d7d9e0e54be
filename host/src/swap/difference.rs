//! What one component says of itself that another does not.

use serde::{Deserialize, Serialize};

use crate::reducer::Descriptor;

/// In what a candidate's descriptor differs from another's.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DescriptorDifference {
    /// Commands that only the candidate has.
    pub commands_added: Vec<String>,
    /// Commands that it has not any more.
    pub commands_removed: Vec<String>,
    /// Types of events that only the candidate reads.
    pub event_types_added: Vec<String>,
    /// Types of events that it does not read any more.
    pub event_types_removed: Vec<String>,
    /// Types of events that only the candidate writes.
    pub writes_added: Vec<String>,
    /// Types of events that it does not write any more.
    pub writes_removed: Vec<String>,
    /// The schemas of the state before and after, where they differ.
    pub state_schema: Option<(String, String)>,
}

impl DescriptorDifference {
    /// From one to the other.
    #[must_use]
    pub fn between(before: &Descriptor, after: &Descriptor) -> Self {
        let only = |these: &[String], others: &[String]| {
            these.iter().filter(|name| !others.contains(name)).cloned().collect::<Vec<_>>()
        };
        let schemas = (before.state_schema.clone(), after.state_schema.clone());
        Self {
            commands_added: only(&after.commands, &before.commands),
            commands_removed: only(&before.commands, &after.commands),
            event_types_added: only(&after.event_types, &before.event_types),
            event_types_removed: only(&before.event_types, &after.event_types),
            writes_added: only(writes(after), writes(before)),
            writes_removed: only(writes(before), writes(after)),
            state_schema: (schemas.0 != schemas.1).then_some(schemas),
        }
    }

    /// In one line; "nothing of what it says of itself" where they agree.
    #[must_use]
    pub fn in_words(&self) -> String {
        let lists = [
            ("+command", &self.commands_added),
            ("-command", &self.commands_removed),
            ("+reads", &self.event_types_added),
            ("-reads", &self.event_types_removed),
            ("+writes", &self.writes_added),
            ("-writes", &self.writes_removed),
        ];
        let mut words: Vec<_> =
            lists.iter().flat_map(|(sign, names)| names.iter().map(move |name| format!("{sign} {name}"))).collect();
        if let Some((before, after)) = &self.state_schema {
            words.push(format!("state schema {before} -> {after}"));
        }
        if words.is_empty() { "nothing of what it says of itself".to_owned() } else { words.join(", ") }
    }
}

/// What a reducer may emit: a component of contract 1.0.0 does not tell what it writes from what it reads.
pub(super) fn writes(descriptor: &Descriptor) -> &[String] {
    if descriptor.writes.is_empty() { &descriptor.event_types } else { &descriptor.writes }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn descriptor(commands: &[&str], reads: &[&str], writes: &[&str], schema: &str) -> Descriptor {
        let owned = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        Descriptor {
            name: "order".into(),
            commands: owned(commands),
            event_types: owned(reads),
            writes: owned(writes),
            state_schema: schema.into(),
            sdk_version: "0.1.0".into(),
        }
    }

    #[test]
    fn what_came_and_what_went_is_told_in_one_line() {
        let before = descriptor(&["Place", "Cancel"], &["Placed.v1"], &["Placed.v1"], "order.v1");
        let after = descriptor(&["Place", "Refund"], &["Placed.v1", "Placed.v2"], &["Placed.v2"], "order.v2");
        let difference = DescriptorDifference::between(&before, &after);
        assert_eq!(
            difference.in_words(),
            "+command Refund, -command Cancel, +reads Placed.v2, +writes Placed.v2, -writes Placed.v1, state schema order.v1 -> order.v2"
        );
        assert_eq!(DescriptorDifference::between(&before, &before), DescriptorDifference::default());
    }
}
