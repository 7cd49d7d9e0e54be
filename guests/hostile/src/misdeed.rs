//! What can be ordered: which call of the contract goes wrong, and how. One text says it wherever a text arrives: in a
//! command, in an event's data, in a stream's id, in the bytes of the component itself.

use std::str::FromStr;

/// A call, and what it does instead of its work: `apply spin`, `decide log huge`. In a stream's id the words stand between
/// full stops: `hostile-constructor.spin`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Misdeed {
    /// Where.
    pub call: Call,
    /// What.
    pub how: How,
}

/// What goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum How {
    /// The call does not come to an end, or not to a good one.
    Act(Act),
    /// A text that is no good, in this place of the answer.
    Text(Place, Text),
    /// An answer of the right form that is wrong.
    Lie(Lie),
}

/// An enum whose variants are known by name.
macro_rules! named {
    ($(#[$about:meta])* $type:ident { $($(#[$doc:meta])* $variant:ident = $name:literal,)* }) => {
        $(#[$about])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum $type { $($(#[$doc])* $variant,)* }

        impl $type {
            /// All of them.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// As it is ordered.
            #[must_use]
            pub fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }

            fn named(name: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|one| one.name() == name)
            }
        }
    };
}

named! {
    /// A call of the contract, or what the host makes a component do beside it.
    Call {
        /// Before the first call: the instance's own start.
        Start = "start",
        /// Loading the component.
        Describe = "describe",
        /// A stream without a snapshot.
        Constructor = "constructor",
        /// A stream with one.
        Restore = "restore",
        /// Folding events.
        Apply = "apply",
        /// Answering a command.
        Decide = "decide",
        /// Writing the state.
        Snapshot = "snapshot",
        /// Drawing the state.
        StateJson = "state-json",
        /// Drawing an event.
        EventJson = "event-json",
        /// Drawing an event in its newest version.
        EventUpcast = "event-upcast",
        /// Reading an event from JSON.
        EventFromJson = "event-from-json",
    }
}

named! {
    /// What any call can do.
    Act {
        /// Loop for ever.
        Spin = "spin",
        /// Loop for ever over the instruction that takes longest: divisions that wait for each other.
        Divide = "divide",
        /// Loop for ever over memory that is in no cache.
        Scatter = "scatter",
        /// Loop for ever over asking for no memory at all, which leaves the guest each time.
        GrowByNothing = "grow-by-nothing",
        /// Loop for ever over copying all of the memory.
        Copy = "copy",
        /// Loop for ever over making a resource and dropping it, which leaves the guest each time.
        ChurnHandles = "churn-handles",
        /// Make resources, and keep them all: they take the host's memory and none of the guest's.
        HoardHandles = "hoard-handles",
        /// Execute `unreachable`.
        Trap = "trap",
        /// Panic.
        Panic = "panic",
        /// Panic, with a message of a megabyte.
        PanicAtLength = "panic-at-length",
        /// Panic, with a message that would clear a terminal.
        PanicInControlCharacters = "panic-in-control-characters",
        /// Trap, and leave a record of a panic that points to where no memory is.
        ForgePanicNowhere = "forge-panic-nowhere",
        /// Trap, and leave a record of a panic whose message is all of the memory.
        ForgePanicHuge = "forge-panic-huge",
        /// Allocate and touch memory until it is refused.
        GrowMemory = "grow-memory",
        /// Recurse until the stack ends.
        Recurse = "recurse",
    }
}

named! {
    /// Where a text stands in an answer.
    Place {
        /// The answer itself, or in a descriptor its name.
        Answer = "answer",
        /// The reason why there is none.
        Refusal = "refuse",
        /// An event's type.
        EventType = "event-type",
        /// A rejection's code.
        RejectionCode = "reject-code",
        /// A rejection's message.
        RejectionMessage = "reject-message",
        /// Why a command cannot be read.
        Malformed = "malformed",
        /// Why the reducer is at fault.
        Faulty = "faulty",
        /// A line for the log.
        LogLine = "log",
    }
}

named! {
    /// A text that is no good.
    Text {
        /// Longer than any answer may be.
        Huge = "huge",
        /// A hundred thousand bytes: an answer may be as long, but nobody wants to read it.
        Long = "long",
        /// No UTF-8.
        InvalidUtf8 = "invalid-utf8",
        /// Where no memory is.
        OutOfBounds = "out-of-bounds",
        /// Line breaks, a NUL, and what clears a terminal.
        ControlCharacters = "control-characters",
        /// Seven megabytes, which the guest wrote once and hands over each time.
        Shared = "shared",
        /// Nothing.
        Empty = "empty",
    }
}

named! {
    /// A wrong answer.
    Lie {
        /// Of `apply`: a version beyond the page cannot be applied.
        VersionBeyondPage = "version-beyond-page",
        /// Of `apply`: a version before the page cannot be applied.
        VersionBeforePage = "version-before-page",
        /// Of `apply` and of what draws events: it takes most of a call's fuel for one, and comes to a good end.
        Linger = "linger",
        /// Of `apply`: it traps in a page of more than a hundred events.
        TrapInLargePages = "trap-in-large-pages",
        /// Of `state-json`: the state is how many pages its events came in.
        CountPages = "count-pages",
        /// Of `decide`: an event of a version that does not exist.
        UnknownVersion = "unknown-version",
        /// Of `decide`: an event that is read and never written.
        OldVersion = "old-version",
        /// Of `decide`: a thousand events that share one megabyte.
        SharedMegabyte = "shared-megabyte",
        /// Of `decide`: a million events that hold nothing.
        MillionEvents = "million-events",
        /// Of `decide`: a hundred thousand lines for the log.
        ManyLogLines = "many-log-lines",
        /// Of `decide`: an effect that runs itself.
        EffectOfItself = "effect-of-itself",
        /// Of `decide`: an effect that runs one behind it.
        EffectForward = "effect-forward",
        /// Of `decide`: an effect that is in two others.
        EffectShared = "effect-shared",
        /// Of `decide`: an effect that runs one that is not there.
        EffectMissing = "effect-missing",
        /// Of `decide`: effects within effects, five hundred deep.
        EffectsDeep = "effects-deep",
        /// Of `decide`: more effects than anybody may ask for.
        EffectsMany = "effects-many",
        /// Of `decide`: an effect of a million parts, all of them the same.
        EffectWide = "effect-wide",
        /// Of `decide`: it never ends to free what it answered.
        FreeWithoutEnd = "free-without-end",
        /// Of `decide`: the next page of events gets no end of memory.
        AllocateWithoutEnd = "allocate-without-end",
        /// Of `decide`: the next page of events gets memory that is not there.
        AllocateNowhere = "allocate-nowhere",
        /// Of `describe`: it writes an event that it does not read.
        WritesUnread = "writes-unread",
        /// Of `describe`: it lists a command twice.
        NamesTwice = "names-twice",
        /// Of `describe`: it has no commands.
        NoCommands = "no-commands",
        /// Of `describe`: it has a million commands.
        ManyNames = "many-names",
    }
}

impl Misdeed {
    /// The one that a stream's id orders: `hostile-constructor.spin`, and behind a further full stop whatever tells streams
    /// apart.
    #[must_use]
    pub fn of_stream(stream_id: &str) -> Option<Self> {
        let words: Vec<_> = stream_id.strip_prefix("hostile-")?.split('.').collect();
        // The longest that there is: what stands behind it may be anything.
        (2..=words.len().min(3)).rev().find_map(|length| Self::of_words(&words[..length]))
    }

    fn of_words(words: &[&str]) -> Option<Self> {
        let (call, how) = match words {
            [call, how] => (call, Act::named(how).map(How::Act).or(Lie::named(how).map(How::Lie))?),
            [call, place, text] => (call, How::Text(Place::named(place)?, Text::named(text)?)),
            _ => return None,
        };
        Some(Self { call: Call::named(call)?, how })
    }
}

impl FromStr for Misdeed {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let words: Vec<_> = text.split(' ').collect();
        Self::of_words(&words).ok_or_else(|| format!("no such misdeed: {text}"))
    }
}
