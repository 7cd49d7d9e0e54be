//! A reducer that is linked into the test.

use std::marker::PhantomData;

use super::{Folded, RecordedEvent, Subject};
use crate::{Descriptor, Fold, Reducer, UpcastEvent, descriptor, event_from_json, event_json, event_upcast};

/// `R`, linked into the test.
pub struct Native<R>(PhantomData<fn() -> R>);

impl<R: Reducer> Native<R> {
    /// The reducer `R`.
    #[must_use]
    pub fn new() -> Self {
        Self(PhantomData)
    }
}

impl<R: Reducer> Default for Native<R> {
    fn default() -> Self {
        Self::new()
    }
}

impl<R: Reducer> std::fmt::Debug for Native<R> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Native").field(&R::NAME).finish()
    }
}

impl<R: Reducer> Subject for Native<R> {
    fn descriptor(&self) -> Descriptor {
        descriptor::<R>()
    }

    fn event_json(&self, event_type: &str, data: &[u8]) -> Result<String, String> {
        event_json::<R>(event_type, data)
    }

    fn event_upcast(&self, event_type: &str, data: &[u8]) -> Result<UpcastEvent, String> {
        event_upcast::<R>(event_type, data)
    }

    fn event_from_json(&self, event_type: &str, json: &str) -> Result<Vec<u8>, String> {
        event_from_json::<R>(event_type, json)
    }

    fn restored_json(&self, snapshot: &[u8]) -> Result<String, String> {
        Ok(Fold::<R>::restore(stream_id::<R>(), snapshot)?.state_json())
    }

    fn fold(&self, events: &[RecordedEvent]) -> Result<Folded, String> {
        let mut fold = Fold::<R>::new(stream_id::<R>());
        for (version, RecordedEvent { event_type, bytes }) in (1..).zip(events) {
            let end = u32::try_from(bytes.len()).map_err(|_| format!("event {version} has more than 4 GiB"))?;
            let applied = fold.apply_packed(version, std::slice::from_ref(event_type), &[0], &[end], bytes);
            applied.map_err(|error| error.to_string())?;
        }
        Ok(Folded { snapshot: fold.snapshot(), state_json: fold.state_json() })
    }
}

fn stream_id<R: Reducer>() -> String {
    format!("{}-1", R::NAME)
}
