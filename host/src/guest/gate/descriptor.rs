//! What a component says of itself.

use std::collections::HashSet;

use super::super::contract::Version;
use super::super::text::one_line;
use super::{GateError, NAME_BYTES_MAX};
use crate::reducer::Descriptor;

/// Longest name of a reducer, in bytes: it begins every id of its streams.
const REDUCER_NAME_BYTES_MAX: usize = 100;
/// Most names in one list.
const NAMES_MAX: usize = 1_000;

pub(in crate::guest) fn check_descriptor(version: Version, descriptor: &Descriptor) -> Result<(), GateError> {
    let mut offences = Vec::new();
    let Descriptor { name, commands, event_types, writes, state_schema, sdk_version } = descriptor;
    if !is_name(name) || name.len() > REDUCER_NAME_BYTES_MAX || name.contains('-') {
        offences.push(format!(
            "its name {} is no category: choose 1 to {REDUCER_NAME_BYTES_MAX} bytes without - and control characters",
            quoted(name)
        ));
    }
    if name.starts_with('$') {
        offences.push(format!("its name {} begins with $: such categories are the host's", quoted(name)));
    }
    if !is_name(state_schema) {
        offences.push(format!("its state schema {} is not a name", quoted(state_schema)));
    }
    if !is_name(sdk_version) {
        offences.push(format!("its SDK version {} is not a name", quoted(sdk_version)));
    }
    check_names("commands", commands, &mut offences);
    check_names("event types", event_types, &mut offences);
    if version != Version::V1_0 {
        check_names("written event types", writes, &mut offences);
        let read: HashSet<_> = event_types.iter().collect();
        // Appended, they would lock their stream for good.
        for event_type in writes.iter().take(NAMES_MAX).filter(|event_type| !read.contains(event_type)) {
            offences.push(format!("it writes {} and does not read it", quoted(event_type)));
        }
    }
    GateError::unless_empty(offences)
}

fn check_names(what: &str, names: &[String], offences: &mut Vec<String>) {
    if names.is_empty() || names.len() > NAMES_MAX {
        offences.push(format!("it has {} {what}, and 1 to {NAMES_MAX} are allowed", names.len()));
    }
    let mut seen = HashSet::new();
    for name in names.iter().take(NAMES_MAX) {
        if !is_name(name) {
            offences.push(format!("among its {what}, {} is not a name", quoted(name)));
        } else if !seen.insert(name) {
            offences.push(format!("among its {what}, {} is there twice", quoted(name)));
        }
    }
}

fn is_name(text: &str) -> bool {
    !text.is_empty() && text.len() <= NAME_BYTES_MAX && !text.chars().any(char::is_control)
}

fn quoted(text: &str) -> String {
    format!("{:?}", one_line(text, NAME_BYTES_MAX))
}
