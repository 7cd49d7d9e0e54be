//! What went wrong on the way, as a code and a line that hold nothing of what was sent or answered.

use std::error::Error;
use std::io;
use std::time::Duration;

use rustls::CertificateError;

use super::resolver::NotPublic;
use crate::effects::EffectError;

/// The error of one attempt. All that a network does may be over at the next one; only an address that is not public is a matter of
/// the rules.
pub(super) fn of_transport(error: &reqwest::Error, origin: &str, connect_max: Duration) -> EffectError {
    if let Some(NotPublic(what)) = cause(error) {
        let message = format!(
            "{origin} has no public address: its address is {what}; if that is meant, activate the reducer with \
             --allow-private {origin}"
        );
        return EffectError::permanent("address-not-public", message);
    }
    if let Some(error) = cause::<rustls::Error>(error) {
        return EffectError::transient("tls-failed", format!("no TLS with {origin}: {}", of_tls(error)));
    }
    if error.is_connect() && error.is_timeout() {
        let message = format!("no connection to {origin} within {} ms", connect_max.as_millis());
        return EffectError::transient("connect-timeout", message);
    }
    if error.is_dns() {
        return EffectError::transient("dns-failed", format!("the name of {origin} was not resolved"));
    }
    if error.is_connect() {
        return match cause::<io::Error>(error).map(io::Error::kind) {
            Some(io::ErrorKind::ConnectionRefused) => {
                EffectError::transient("connection-refused", format!("nobody listens at {origin}"))
            }
            _ => EffectError::transient("connect-failed", format!("no connection to {origin}")),
        };
    }
    of_exchange(error, origin)
}

/// The error of a connection that was made.
fn of_exchange(error: &reqwest::Error, origin: &str) -> EffectError {
    match cause::<hyper::Error>(error) {
        Some(error) if error.is_parse_too_large() => too_large(origin, "headers"),
        Some(error) if error.is_parse() => {
            EffectError::transient("invalid-response", format!("{origin} answered, and not in HTTP/1.1"))
        }
        _ => EffectError::transient("connection-lost", format!("{origin} ended the connection before its answer")),
    }
}

/// An answer that is larger than allowed.
pub(super) fn too_large(origin: &str, what: &str) -> EffectError {
    EffectError::permanent("response-too-large", format!("{origin} answered with more {what} than are read"))
}

/// In words of our own: the error's have names that the server sent.
fn of_tls(error: &rustls::Error) -> &'static str {
    let rustls::Error::InvalidCertificate(reason) = error else { return "the handshake failed" };
    match reason {
        CertificateError::UnknownIssuer => {
            "its certificate is of an unknown issuer; add the issuer's to this machine's, or name it in SSL_CERT_FILE"
        }
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => "its certificate has expired",
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
            "its certificate is not valid yet; look at this machine's clock"
        }
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
            "its certificate is for another name"
        }
        _ => "its certificate is not valid",
    }
}

/// The first cause of this type. What an [`io::Error`] wraps is not among its sources.
fn cause<'a, T: Error + 'static>(error: &'a (dyn Error + 'static)) -> Option<&'a T> {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(found) = error.downcast_ref() {
            return Some(found);
        }
        let within = error.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
        next = match within {
            Some(within) => Some(within),
            None => error.source(),
        };
    }
    None
}
