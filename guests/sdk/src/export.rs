//! The wasm32 side: [`Fold`](crate::Fold) behind the functions of `wit/reducer.wit`.

/// Exports a [`Reducer`](crate::Reducer) from a `cdylib` crate as a Foldhost component. Natively it expands to nothing.
///
/// ```
/// # use foldhost_sdk::prelude::*;
/// # #[derive(Command)] enum NoteCommand { Write { text: String } }
/// # #[derive(Event)] enum NoteEvent { Written { text: String } }
/// struct Note;
///
/// impl Reducer for Note {
/// #   const NAME: &'static str = "note";
/// #   const STATE_SCHEMA: &'static str = "note.v1";
/// #   type State = String;
/// #   type Command = NoteCommand;
/// #   type Event = NoteEvent;
/// #   fn decide(_: &String, NoteCommand::Write { text }: NoteCommand, _: &Context) -> Result<Decision<NoteEvent>, Rejection> {
/// #       Ok(Decision::event(NoteEvent::Written { text }))
/// #   }
/// #   fn apply(state: &mut String, NoteEvent::Written { text }: NoteEvent) { *state = text; }
///     // ...
/// }
///
/// foldhost_sdk::export!(Note);
/// ```
#[macro_export]
macro_rules! export {
    ($reducer:ty) => {
        #[cfg(target_arch = "wasm32")]
        const _: () = {
            type Exported = $crate::__private::Component<$reducer>;
    $crate::__private::bindings::__export_guest!(Exported with_types_in $crate::__private::bindings);
        };
    };
}

#[cfg(target_arch = "wasm32")]
pub use component::Component;

/// Generated from `wit/reducer.wit`.
#[cfg(target_arch = "wasm32")]
#[allow(
    missing_docs,
    unsafe_code,
    unreachable_pub,
    clippy::all,
    reason = "generated: the canonical ABI is raw pointers"
)]
pub mod bindings {
    wit_bindgen::generate!({
        world: "guest",
        path: "wit/reducer.wit",
        pub_export_macro: true,
        export_macro_name: "__export_guest",
        default_bindings_module: "foldhost_sdk::__private::bindings",
    });
}

#[cfg(target_arch = "wasm32")]
mod component;

#[cfg(target_arch = "wasm32")]
mod memcmp;

#[cfg(target_arch = "wasm32")]
mod panic;
