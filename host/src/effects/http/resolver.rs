//! Names to addresses, for the connection that uses them.

use std::io;
use std::net::SocketAddr;

use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use tokio::net::lookup_host;

use super::address::not_public;

/// Asks the system, and hands on public addresses only, or all of them.
///
/// The connection asks here itself and connects to what it gets. A check before it would be of another answer: whoever owns a name
/// can have it resolve to a public address the first time, and to 169.254.169.254 the second time (DNS rebinding).
#[derive(Clone, Copy, Debug)]
pub(super) enum Resolver {
    /// Of public addresses.
    Public,
    /// Of all addresses.
    Any,
}

/// A name has addresses, and none of them is public.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("its address is {0}")]
pub(super) struct NotPublic(pub(super) &'static str);

impl Resolve for Resolver {
    fn resolve(&self, name: Name) -> Resolving {
        let resolver = *self;
        Box::pin(async move {
            let addresses = lookup_host((name.as_str(), 0)).await?;
            let admitted = resolver.admit(addresses)?;
            Ok(Box::new(admitted.into_iter()) as Addrs)
        })
    }
}

impl Resolver {
    /// Those that may be connected to. An answer with both kinds is used as far as it is public.
    fn admit(
        self,
        addresses: impl Iterator<Item = SocketAddr>,
    ) -> Result<Vec<SocketAddr>, Box<dyn std::error::Error + Send + Sync>> {
        let mut admitted = Vec::new();
        let mut refused = None;
        for address in addresses {
            match not_public(address.ip()) {
                Some(what) if matches!(self, Self::Public) => refused = Some(NotPublic(what)),
                _ => admitted.push(address),
            }
        }
        match refused {
            _ if !admitted.is_empty() => Ok(admitted),
            Some(not_public) => Err(not_public.into()),
            None => Err(io::Error::new(io::ErrorKind::NotFound, "the name has no address").into()),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn addresses(texts: &[&str]) -> Vec<SocketAddr> {
        texts.iter().map(|text| SocketAddr::new(text.parse().unwrap(), 0)).collect()
    }

    #[test]
    fn of_a_mixed_answer_only_the_public_addresses_are_used() {
        let mixed = addresses(&["10.0.0.1", "8.8.8.8", "::1", "2606:4700::1111"]);
        let admitted = Resolver::Public.admit(mixed.clone().into_iter()).unwrap();
        assert_eq!(admitted, addresses(&["8.8.8.8", "2606:4700::1111"]));
        assert_eq!(Resolver::Any.admit(mixed.clone().into_iter()).unwrap(), mixed);
    }

    #[test]
    fn an_answer_without_a_public_address_is_refused_by_what_it_is() {
        let error = Resolver::Public.admit(addresses(&["169.254.169.254"]).into_iter()).unwrap_err();
        assert_eq!(error.downcast_ref::<NotPublic>(), Some(&NotPublic("link-local")));
        let error = Resolver::Public.admit(std::iter::empty()).unwrap_err();
        assert_eq!(error.downcast_ref::<io::Error>().unwrap().kind(), io::ErrorKind::NotFound);
    }
}
