//! What is done before there is a command or a stream that could order it: the order stands in the component's own bytes.

use std::hint::black_box;

use super::{texts, wit};
use crate::acts;
use crate::misdeed::{Call, How, Lie, Misdeed};

/// Where a test writes a misdeed over the full stops: the component is the same but for these bytes.
static ORDER: [u8; 64] = *b"hostile misdeed:................................................";
const ORDER_BEGIN: usize = 16;

fn ordered() -> Option<Misdeed> {
    // Not known when it is compiled, for all that the compiler may tell.
    let order = std::str::from_utf8(black_box(&ORDER)).ok()?;
    order[ORDER_BEGIN..].trim_end_matches('.').parse().ok()
}

/// Runs when an instance starts, before any call.
#[expect(unsafe_code, reason = "the name is the one by which a component's start is known")]
#[unsafe(no_mangle)]
extern "C" fn _initialize() {
    if let Some(Misdeed { call: Call::Start, how: How::Act(act) }) = ordered() {
        acts::act(act, 0);
    }
}

pub(super) fn describe(fine: wit::Descriptor) -> wit::Descriptor {
    match ordered() {
        Some(Misdeed { call: Call::Describe, how }) => misdescribe(how, fine),
        _ => fine,
    }
}

fn misdescribe(how: How, fine: wit::Descriptor) -> wit::Descriptor {
    match how {
        How::Act(act) => acts::act(act, 0),
        How::Text(_, text) => wit::Descriptor { name: texts::text(text), ..fine },
        How::Lie(Lie::WritesUnread) => wit::Descriptor { writes: vec!["Fine.v99".to_owned()], ..fine },
        How::Lie(Lie::NamesTwice) => wit::Descriptor { commands: vec!["Ok".to_owned(); 2], ..fine },
        How::Lie(Lie::NoCommands) => wit::Descriptor { commands: Vec::new(), ..fine },
        How::Lie(Lie::ManyNames) => {
            wit::Descriptor { commands: (0..1_000_000).map(|_| String::new()).collect(), ..fine }
        }
        How::Lie(lie) => panic!("there is no way to {} here", lie.name()),
    }
}
