//! Swaps, for tests of something else.

use foldhost::Host;
use foldhost::runtime::ReducerStatus;
use foldhost::swap::{ActivateRequest, ActivationPolicy};

use crate::component;

/// The guest in bytes of its own: a custom section makes it another component, and changes nothing that it does.
pub fn in_other_bytes(guest: &str, note: u8) -> Vec<u8> {
    let mut component = component(guest).to_vec();
    component.extend([0, 6, 4, b'n', b'o', b't', b'e', note]);
    component
}

/// Deploys a component and has it decide, whatever it changes.
pub async fn swap_to(host: &Host, component: Vec<u8>) -> ReducerStatus {
    let deployed = host.deploy(component).await.unwrap();
    if let Some(active) = deployed.active.clone().filter(|_| deployed.is_active()) {
        return active;
    }
    let policy = ActivationPolicy::Force("for the test".into());
    let request = ActivateRequest { policy, ..ActivateRequest::of(deployed.digest) };
    host.activate(&deployed.descriptor.name, request).await.unwrap()
}
