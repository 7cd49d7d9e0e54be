//! What wit/reducer.wit looks like from this side.
#![allow(missing_docs, unreachable_pub, reason = "generated from the contract, which is documented there")]

wasmtime::component::bindgen!({
    path: "../wit",
    world: "guest",
});

pub(super) use exports::foldhost::reducer::reducer as contract;
pub(super) use exports::foldhost::reducer::reducer::Guest as ReducerExports;
