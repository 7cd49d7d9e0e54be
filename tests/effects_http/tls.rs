//! TLS, with a certificate of an issuer that only the test knows.

use std::process::Command;
use std::sync::Arc;

use foldhost::effects::http::HttpTerms;
use foldhost_sdk::HttpRequest;
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use rustls::ServerConfig;
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use tokio::io::{AsyncWriteExt as _, BufReader};
use tokio_rustls::TlsAcceptor;

use crate::server::{Server, answer, read_request};
use crate::{fails, private_rules, runner, send};

/// Names the URL for the process that this test runs itself in.
const URL: &str = "FOLDHOST_TEST_TLS_URL";

/// An issuer's certificate as PEM, and a server's configuration with a certificate of its for `localhost`.
fn certificates() -> (String, ServerConfig) {
    let issuer_key = KeyPair::generate().unwrap();
    let mut issuer = CertificateParams::new(Vec::new()).unwrap();
    issuer.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let issuer_certificate = issuer.self_signed(&issuer_key).unwrap();
    let key = KeyPair::generate().unwrap();
    let named = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
    let certificate = named.signed_by(&key, &Issuer::from_params(&issuer, &issuer_key)).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(key.serialize_der()));
    let config = config.with_no_client_auth().with_single_cert(vec![certificate.der().clone()], key).unwrap();
    (issuer_certificate.pem(), config)
}

/// Which certificates a machine believes is said by its environment, and that is a process's: so this test runs itself again in
/// others, which send and tell what became of it.
#[tokio::test]
async fn a_certificate_is_believed_if_this_machine_knows_its_issuer_and_it_names_the_host() {
    if let Ok(url) = std::env::var(URL) {
        return tell(&url).await;
    }
    let (issuer, config) = certificates();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let server = Server::speaking(move |stream, _| {
        let acceptor = acceptor.clone();
        async move {
            let Ok(stream) = acceptor.accept(stream).await else { return };
            let mut stream = BufReader::new(stream);
            if read_request(&mut stream).await.is_ok() {
                stream.write_all(&answer("200 OK", &[], "in private")).await.unwrap();
                stream.flush().await.unwrap();
            }
        }
    });
    let server = server.await;
    let directory = tempfile::tempdir().unwrap();
    let known = directory.path().join("issuer.pem");
    std::fs::write(&known, issuer).unwrap();
    // A machine without any root certificates, as many a container is.
    let none = directory.path().join("none.pem");
    for (host, roots, expected) in [
        ("localhost", &known, "told: status 200"),
        ("127.0.0.1", &known, "told: transient tls-failed, its certificate is for another name"),
        ("localhost", &none, "told: transient tls-failed, its certificate is of an unknown issuer"),
    ] {
        let name = "tls::a_certificate_is_believed_if_this_machine_knows_its_issuer_and_it_names_the_host";
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args(["--exact", name, "--nocapture"]);
        command.env(URL, format!("https://{host}:{}", server.port)).env("SSL_CERT_FILE", roots);
        command.env("SSL_CERT_DIR", directory.path().join("none"));
        // Nobody listens there: a request that went to the environment's proxy would not arrive.
        for proxy in ["HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"] {
            command.env(proxy, "http://127.0.0.1:1");
        }
        command.env_remove("NO_PROXY").env_remove("no_proxy");
        let output = tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap();
        let told = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(output.status.success() && told.contains(expected), "{host} with {roots:?}: {told}");
    }
}

async fn tell(url: &str) {
    let (runner, request, rules) = (runner(HttpTerms::default()), HttpRequest::get(url), private_rules(url));
    match send(&runner, &request, &rules).await {
        Ok(response) => println!("told: status {}", response.status),
        Err(_) => {
            let (kind, error) = fails(&runner, &request, &rules).await;
            let message = error.to_failure().message;
            println!("told: {kind}, {}", message.split_once(": ").unwrap().1);
        }
    }
}

#[tokio::test]
async fn a_server_without_tls_is_told_apart_from_one_that_does_not_answer() {
    let plain = Server::speaking(|mut stream, _| async move {
        drop(stream.write_all(b"220 mail.example ESMTP\r\n").await);
    });
    let plain = plain.await;
    let origin = format!("https://127.0.0.1:{}", plain.port);
    let (kind, error) = fails(&runner(HttpTerms::default()), &HttpRequest::get(&origin), &private_rules(&origin)).await;
    assert_eq!(kind, "transient tls-failed");
    assert!(!error.to_string().contains("ESMTP"), "{error}");
}
