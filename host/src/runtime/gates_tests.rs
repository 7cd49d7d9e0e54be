#![allow(clippy::unwrap_used)]

use std::sync::atomic::AtomicUsize;

use counter::Counter;

use super::*;
use crate::NativeReducer;
use crate::runtime::registry::{ActiveReducer, Deciders};

fn swap() -> Succession {
    let reducer = Arc::new(NativeReducer::<Counter>::new());
    Succession::new(Deciders::all(ActiveReducer::beside(&(reducer as _))), Arc::<AtomicUsize>::default())
}

fn tell(gates: &Gates) -> PendingSwap {
    gates.tell("counter", swap(), &Arc::new(Departed::new()))
}

/// Which of the swaps that were told of a turn hears of.
fn heard(under_way: &UnderWay, told: &[&PendingSwap]) -> Option<usize> {
    let heard = under_way.succession()?;
    told.iter().position(|told| Arc::ptr_eq(&told.succession, &heard))
}

#[tokio::test]
async fn a_swap_waits_for_the_turns_that_were_under_way_and_for_none_that_came_behind() {
    let gates = Gates::default();
    let before = gates.pass("counter").await.through();
    let told = tell(&gates);
    let behind = gates.pass("counter").await.through();
    let mut prepared = std::pin::pin!(told.prepared());
    assert!(futures::poll!(prepared.as_mut()).is_pending());
    assert_eq!((heard(&before, &[&told]), heard(&behind, &[&told])), (Some(0), Some(0)), "both hear of it");
    drop(before);
    prepared.await;
    assert_eq!(heard(&behind, &[&told]), Some(0));
}

#[tokio::test]
async fn a_turn_that_takes_too_long_is_not_waited_for() {
    let gates = Gates::default();
    let _long = gates.pass("counter").await.through();
    let begun = std::time::Instant::now();
    tell(&gates).prepared().await;
    assert!(begun.elapsed() >= PREPARING_MAX);
}

#[tokio::test]
async fn the_end_of_a_swap_is_not_the_end_of_another_that_was_told_of_since() {
    let gates = Gates::default();
    let under_way = gates.pass("counter").await.through();
    let first = tell(&gates);
    let second = tell(&gates);
    drop(first);
    assert_eq!(heard(&under_way, &[&second]), Some(0));
    drop(second);
    assert!(under_way.succession().is_none());
    // Each reducer has its own.
    let _third = tell(&gates);
    assert!(gates.pass("other").await.succession().is_none());
}

#[tokio::test]
async fn what_was_prepared_for_a_swap_is_there_for_a_while_behind_it() {
    let gates = Gates::default();
    let under_way = gates.pass("counter").await.through();
    let told = tell(&gates);
    let succession = Arc::downgrade(&told.succession);
    told.made();
    assert!(under_way.succession().is_some(), "for those that come at once");
    let is_gone = async {
        while succession.upgrade().is_some() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(10 * KEPT, is_gone).await.unwrap();
    assert!(under_way.succession().is_none());
}

#[tokio::test]
async fn no_turn_goes_through_while_the_gate_is_closed() {
    let gates = Gates::default();
    let passing = gates.pass("counter").await;
    let done = std::cell::Cell::new(false);
    let mut closed = std::pin::pin!(gates.close_for("counter", async { done.set(true) }));
    assert!(futures::poll!(closed.as_mut()).is_pending());
    let mut next = std::pin::pin!(gates.pass("counter"));
    assert!(futures::poll!(next.as_mut()).is_pending() && !done.get(), "the one under way is not through");
    let _under_way = passing.through();
    closed.await;
    assert!(done.get());
    next.await;
}
