//! A right history, and what it takes to forge it.

use foldhost::StreamId;
use foldhost::event_store::Share;
use foldhost::reducer::ReducerDigest;
use uuid::Uuid;

use super::record::{
    Accepted, Activated, Answer, Decider, Generation, History, Recorded, Remembered, Sent, Tells, Told,
};

/// The share of the canary of generation 2, which has counter-2 and not counter-1.
pub(crate) const SHARE: u16 = 5_000;

pub(crate) fn code(name: &str) -> ReducerDigest {
    ReducerDigest::of(name.as_bytes())
}

pub(crate) fn stream(id: &str) -> StreamId {
    StreamId::new(id).unwrap()
}

pub(crate) fn generation(number: u64) -> Generation {
    let canary = (number == 2).then(|| (code("candidate"), Share::new(SHARE).unwrap()));
    let digest = if number < 3 { code("first") } else { code("candidate") };
    Generation { name: "counter".into(), number, digest, canary }
}

pub(crate) fn by(number: u64, name: &str) -> Decider {
    Decider { generation: number, digest: code(name) }
}

pub(crate) fn event(id: &str, version: u64, tag: &str, decided_by: Decider) -> Recorded {
    Recorded {
        stream_id: stream(id),
        version,
        event_type: "Incremented.v1".into(),
        committed_us: 0,
        tag: Some(tag.into()),
        command_id: Some(format!("{tag}-id")),
        decided_by: Some(decided_by),
        tells: None,
    }
}

pub(crate) fn tells(version: u64, tells: Tells) -> Recorded {
    Recorded {
        stream_id: stream("$reducers-counter"),
        version,
        event_type: "Told.v1".into(),
        committed_us: 0,
        tag: None,
        command_id: None,
        decided_by: None,
        tells: Some(tells),
    }
}

pub(crate) fn tells_of(version: u64, number: u64) -> Recorded {
    let before = number.checked_sub(1).filter(|before| *before > 0);
    tells(version, Tells::Generation { generation: generation(number), before })
}

pub(crate) fn accepted(version: u64, decided_by: Decider) -> Answer {
    Answer::Accepted(Accepted { version, events: vec![(version, "Incremented.v1".into())], decided_by })
}

pub(crate) fn sent(id: &str, tag: &str, has_id: bool, answers: Vec<Answer>) -> Sent {
    let command_id = has_id.then(|| format!("{tag}-id"));
    Sent { tag: tag.into(), stream_id: stream(id), command_id, events_max: 1, answers }
}

pub(crate) fn remembered(id: &str, tag: &str, version: u64, decided_by: Decider, in_journal: bool) -> Remembered {
    Remembered {
        stream_id: stream(id),
        command_id: format!("{tag}-id"),
        first_version: Some(version),
        last_version: version,
        rejection: None,
        decided_by,
        in_journal,
    }
}

/// Three generations: the first, a canary beside it, and then the canary for all, which keeps a journal.
#[derive(Clone)]
pub(crate) struct Forged {
    pub(crate) sent: Vec<Sent>,
    pub(crate) told: Told,
    pub(crate) history: History,
}

pub(crate) fn right() -> Forged {
    let (first, beside, canary, last) = (by(1, "first"), by(2, "first"), by(2, "candidate"), by(3, "candidate"));
    let verified = Uuid::from_u128(7);
    let mut events = vec![
        tells(1, Tells::Deployed("counter".into(), code("first"))),
        tells_of(2, 1),
        event("counter-2", 1, "a", first),
        event("counter-1", 1, "b", first),
        tells(3, Tells::Deployed("counter".into(), code("candidate"))),
        tells_of(4, 2),
        event("counter-2", 2, "c", canary),
        event("counter-1", 2, "d", beside),
        tells(5, Tells::Verified(verified, "passed".into())),
        tells_of(6, 3),
        event("counter-2", 3, "e", last),
        event("counter-1", 3, "f", last),
    ];
    // One commit after the other, in the order of the log.
    events.iter_mut().zip(1..).for_each(|(event, us)| event.committed_us = us);
    let rejected = Remembered {
        first_version: None,
        rejection: Some("nothing-to-add".into()),
        ..remembered("counter-1", "g", 3, last, true)
    };
    let unknown = Answer::Unknown("the host is gone".into());
    Forged {
        sent: vec![
            sent("counter-2", "a", false, vec![accepted(1, first)]),
            sent("counter-1", "b", true, vec![unknown.clone(), accepted(1, first), accepted(1, first)]),
            sent("counter-2", "c", false, vec![accepted(2, canary)]),
            sent("counter-1", "d", false, vec![unknown.clone()]),
            sent("counter-2", "e", true, vec![Answer::NotDone("busy".into()), accepted(3, last)]),
            sent("counter-1", "f", false, vec![accepted(3, last)]),
            sent("counter-1", "g", true, vec![Answer::Rejected("nothing-to-add".into())]),
            sent("counter-1", "h", true, vec![Answer::Conflict]),
            sent("counter-1", "i", false, vec![Answer::NotDone("busy".into())]),
            sent("counter-1", "j", false, vec![unknown]),
        ],
        told: Told {
            swaps: vec![generation(1), generation(3)],
            deployed: vec![("counter".into(), code("candidate"))],
            ..Told::default()
        },
        history: History {
            events,
            remembered: vec![
                remembered("counter-1", "b", 1, first, false),
                remembered("counter-2", "e", 3, last, true),
                remembered("counter-1", "f", 3, last, true),
                rejected,
            ],
            activations: (1..=3)
                .map(|number| Activated { generation: generation(number), journal: number == 3 })
                .collect(),
            activated_us: [(1, 2), (2, 6), (3, 10)].map(|(number, us)| (("counter".into(), number), us)).into(),
            active: [("counter".into(), (3, code("candidate")))].into(),
            kept: vec![("counter".into(), code("first")), ("counter".into(), code("candidate"))],
            verified: vec![(verified, "passed".into())],
        },
    }
}

impl Forged {
    pub(crate) fn sent(&mut self, tag: &str) -> &mut Sent {
        self.sent.iter_mut().find(|sent| sent.tag == tag).unwrap()
    }

    pub(crate) fn event(&mut self, tag: &str) -> &mut Recorded {
        let has_tag = |event: &&mut Recorded| event.tag.as_deref() == Some(tag);
        self.history.events.iter_mut().find(has_tag).unwrap()
    }

    pub(crate) fn memory(&mut self, tag: &str) -> &mut Remembered {
        let id = format!("{tag}-id");
        self.history.remembered.iter_mut().find(|command| command.command_id == id).unwrap()
    }

    /// Places in the log of the events of generation `number`'s beginning.
    pub(crate) fn begin(&self, number: u64) -> usize {
        let begins = |event: &Recorded| matches!(&event.tells, Some(Tells::Generation { generation, .. }) if generation.number == number);
        self.history.events.iter().position(begins).unwrap()
    }

    pub(crate) fn forget(&mut self, tag: &str) {
        self.history.remembered.retain(|command| command.command_id != format!("{tag}-id"));
    }
}
