//! Former versions of events: how recorded bytes of an older shape become an event of today.

use crate::EventError;

/// The shape that an event had in a former version, for as long as events of it are recorded: for good.
///
/// Derive it on a struct with the fields as they were, name it at the variant that has the newest shape, and write an
/// *upcaster*: `From` into the next version, and from the last former one into the enum. It says what an event from then would
/// be today, so [`Reducer::apply`](crate::Reducer::apply) and all other code know the newest version alone.
///
/// ```
/// use foldhost_sdk::prelude::*;
/// use foldhost_sdk::FormerEvent;
///
/// #[derive(Debug, PartialEq, Event)]
/// enum ParcelEvent {
///     #[event(version = 2, v1 = WeighedV1)]
///     Weighed { grams: u32 },
/// }
///
/// #[derive(FormerEvent)]
/// struct WeighedV1 { kilograms: u32 }
///
/// impl From<WeighedV1> for ParcelEvent {
///     fn from(WeighedV1 { kilograms }: WeighedV1) -> Self {
///         Self::Weighed { grams: 1_000 * kilograms }
///     }
/// }
///
/// let recorded = WeighedV1 { kilograms: 3 }.to_bytes("Weighed.v1")?;
/// assert_eq!(ParcelEvent::from_bytes("Weighed.v1", &recorded)?, ParcelEvent::Weighed { grams: 3_000 });
/// assert_eq!(ParcelEvent::recorded_json("Weighed.v1", &recorded)?, r#"{"kilograms":3}"#);
/// assert_eq!(ParcelEvent::EVENT_TYPES, ["Weighed.v2", "Weighed.v1"]);
/// assert_eq!(ParcelEvent::WRITES, ["Weighed.v2"]);
/// # Ok::<(), foldhost_sdk::EventError>(())
/// ```
///
/// An upcaster is pure, as `apply` is: no clock, no chance, no lookups. What was not recorded then is either computed from
/// what was, or an `Option`. The guide with all that can change is docs/event-evolution.md.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a former shape of an event",
    label = "its fields cannot be read",
    note = "put `#[derive(foldhost_sdk::FormerEvent)]` on the struct `{Self}`"
)]
pub trait FormerEvent: Sized {
    /// Reads what was recorded as an `event_type`, which errors name. All bytes must be used.
    fn from_bytes(event_type: &str, bytes: &[u8]) -> Result<Self, EventError>;

    /// The bytes as they were recorded then.
    fn to_bytes(&self, event_type: &str) -> Result<Vec<u8>, EventError>;

    /// Reads the shape from JSON that has exactly its fields.
    fn from_json(event_type: &str, json: &str) -> Result<Self, EventError>;

    /// The fields as JSON, as they were recorded then.
    fn to_json(&self, event_type: &str) -> Result<String, EventError>;
}

/// `From`, but with a message that tells an author of events what is missing.
#[doc(hidden)]
#[diagnostic::on_unimplemented(
    message = "there is no upcaster from `{Self}` to `{Next}`",
    label = "events recorded in this version cannot be brought to the next one",
    note = "write `impl From<{Self}> for {Next}`: what an event of the former version would be in the newer one"
)]
pub trait UpcastTo<Next> {
    fn upcast(self) -> Next;
}

#[diagnostic::do_not_recommend]
impl<Former, Next: From<Former>> UpcastTo<Next> for Former {
    #[inline]
    fn upcast(self) -> Next {
        self.into()
    }
}

#[doc(hidden)]
#[inline]
pub fn upcast<Former: UpcastTo<Next>, Next>(former: Former) -> Next {
    former.upcast()
}

/// What the derive calls of one former shape. In one place, so that a shape without [`FormerEvent`] is one compile error.
#[doc(hidden)]
pub struct Former<F> {
    pub from_bytes: fn(&str, &[u8]) -> Result<F, EventError>,
    pub recorded_json: fn(&str, &[u8]) -> Result<String, EventError>,
    pub bytes_from_json: fn(&str, &str) -> Result<Vec<u8>, EventError>,
}

#[doc(hidden)]
pub const fn former<F: FormerEvent>() -> Former<F> {
    Former {
        from_bytes: F::from_bytes,
        recorded_json: |event_type, bytes| F::from_bytes(event_type, bytes)?.to_json(event_type),
        bytes_from_json: |event_type, json| F::from_json(event_type, json)?.to_bytes(event_type),
    }
}
