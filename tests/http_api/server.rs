//! A served host, and a client for it that holds every failure to the form of a problem document.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::{Arc, Once};
use std::time::Duration;

use foldhost::api::MetricsText;
use foldhost::{Host, HostBuilder, InMemoryEventStore, NativeReducer, Store};
use futures::StreamExt;
use futures::stream::BoxStream;
use reqwest::header::{ACCEPT, CONTENT_TYPE, HeaderMap};
use reqwest::{Client, Method, RequestBuilder};
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

/// Long enough on a busy machine; nothing waits for it to pass.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

pub(crate) const PLACE: &str = r#"{"customer_id":"c-1","items":[{"sku":"A","quantity":2,"unit_price":1000}]}"#;

pub(crate) struct Server {
    pub(crate) host: Host,
    pub(crate) address: SocketAddr,
    pub(crate) stop: CancellationToken,
    pub(crate) serving: JoinHandle<std::io::Result<()>>,
    client: Client,
}

#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Value,
    pub(crate) text: String,
}

/// A host over `store` with the order and the counter linked in.
pub(crate) fn natives(store: Arc<dyn Store>) -> HostBuilder {
    Host::builder(store).reducer(NativeReducer::<order::Order>::new()).reducer(NativeReducer::<counter::Counter>::new())
}

/// The order and the counter, over a store in memory.
pub(crate) async fn serve() -> Server {
    serve_host(natives(Arc::new(InMemoryEventStore::new()))).await
}

pub(crate) async fn serve_host(host: HostBuilder) -> Server {
    serve_with(host, None).await
}

/// As [`serve_host`], with something at `/metrics` where it is given.
pub(crate) async fn serve_with(host: HostBuilder, metrics: Option<MetricsText>) -> Server {
    static PROVIDER: Once = Once::new();
    // The client asks for one even where it speaks no TLS.
    PROVIDER.call_once(|| drop(rustls::crypto::ring::default_provider().install_default()));
    let host = host.start().unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let stop = CancellationToken::new();
    let (served, stopped) = (host.clone(), stop.clone().cancelled_owned());
    let serving = match metrics {
        None => tokio::spawn(foldhost::api::serve(listener, served, stopped)),
        Some(metrics) => tokio::spawn(foldhost::api::serve_with(listener, served, metrics, stopped)),
    };
    let client = Client::builder().timeout(PATIENCE).build().unwrap();
    Server { host, address, stop, serving, client }
}

impl Server {
    pub(crate) fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.client.request(method, format!("http://{}{path}", self.address))
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        answer(self.request(Method::GET, path)).await
    }

    /// A command with JSON arguments, to which headers can be added.
    pub(crate) fn command(&self, stream: &str, name: &str, arguments: impl Into<reqwest::Body>) -> RequestBuilder {
        let path = format!("/streams/{stream}/commands/{name}");
        self.request(Method::POST, &path).header(CONTENT_TYPE, "application/json").body(arguments)
    }

    /// Closes a stream, with a JSON body.
    pub(crate) async fn close(&self, stream: &str, body: impl Into<reqwest::Body>) -> Answer {
        let request = self.request(Method::POST, &format!("/streams/{stream}/close"));
        answer(request.header(CONTENT_TYPE, "application/json").body(body)).await
    }

    pub(crate) async fn send(&self, stream: &str, name: &str, arguments: &'static str) -> Answer {
        answer(self.command(stream, name, arguments)).await
    }

    /// Follows the log.
    pub(crate) async fn subscribe(&self, path: &str, last_event_id: Option<&str>) -> Messages {
        let mut request = self.request(Method::GET, path).header(ACCEPT, "text/event-stream");
        if let Some(id) = last_event_id {
            request = request.header("last-event-id", id);
        }
        let response = request.send().await.unwrap();
        assert_eq!(response.status().as_u16(), 200);
        assert_eq!(response.headers()[CONTENT_TYPE], "text/event-stream");
        let bytes = response.bytes_stream().map(|bytes| bytes.unwrap().to_vec()).boxed();
        Messages { bytes, unread: String::new(), complete: VecDeque::new() }
    }

    /// Writes `request` byte for byte, and reads until the server closes or `enough` says that it is all there.
    pub(crate) async fn raw(&self, request: &str, enough: impl Fn(&str) -> bool) -> String {
        let mut socket = TcpStream::connect(self.address).await.unwrap();
        socket.write_all(request.as_bytes()).await.unwrap();
        let mut read = Vec::new();
        let reading = async {
            while socket.read_buf(&mut read).await.unwrap() > 0 && !enough(&String::from_utf8_lossy(&read)) {}
        };
        tokio::time::timeout(PATIENCE, reading).await.expect("an answer");
        String::from_utf8(read).unwrap()
    }

    /// Ends the server as an operator would, and waits for it.
    pub(crate) async fn stop(self) {
        self.stop.cancel();
        tokio::time::timeout(PATIENCE, self.serving).await.expect("the server ends").unwrap().unwrap();
    }
}

/// The answer to a request. Whatever is not a success has to be a problem document that agrees with itself.
pub(crate) async fn answer(request: RequestBuilder) -> Answer {
    let response = request.send().await.unwrap();
    let (status, headers) = (response.status().as_u16(), response.headers().clone());
    let text = response.text().await.unwrap();
    if status == 204 {
        assert_eq!((text.as_str(), headers.get(CONTENT_TYPE)), ("", None));
        return Answer { status, headers, body: Value::Null, text };
    }
    let body: Value = serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text:?}"));
    if status >= 400 {
        assert_eq!(headers[CONTENT_TYPE], "application/problem+json", "{text}");
        assert_eq!(body["status"], status, "{text}");
        let code = body["code"].as_str().unwrap();
        assert_eq!(body["type"], format!("urn:foldhost:problem:{code}"));
        for member in ["title", "detail"] {
            let line = body[member].as_str().unwrap();
            assert!(!line.is_empty() && !line.contains('\n'), "{member}: {line:?}");
            // A reducer's panic is an answer. The host's own never is.
            assert!(code == "reducer-trap" || !line.contains("panicked"), "{member}: {line:?}");
        }
    } else {
        assert_eq!(headers[CONTENT_TYPE], "application/json", "{text}");
    }
    Answer { status, headers, body, text }
}

impl Answer {
    /// Holds the answer to a problem of this status and code, and returns its document.
    #[track_caller]
    pub(crate) fn problem(self, status: u16, code: &str) -> Value {
        assert_eq!((self.status, self.body["code"].as_str()), (status, Some(code)), "{}", self.text);
        self.body
    }

    #[track_caller]
    pub(crate) fn ok(self) -> Value {
        assert_eq!(self.status, 200, "{}", self.text);
        self.body
    }
}

/// A server-sent event.
#[derive(Debug, PartialEq)]
pub(crate) struct Message {
    pub(crate) id: String,
    pub(crate) event: String,
    pub(crate) data: Value,
}

pub(crate) struct Messages {
    bytes: BoxStream<'static, Vec<u8>>,
    unread: String,
    complete: VecDeque<Message>,
}

impl Messages {
    /// The next event; none when the server ended the stream.
    pub(crate) async fn next(&mut self) -> Option<Message> {
        while self.complete.is_empty() {
            let more = tokio::time::timeout(PATIENCE, self.bytes.next()).await.expect("an event or the end")?;
            self.unread.push_str(std::str::from_utf8(&more).unwrap());
            while let Some((message, rest)) = self.unread.split_once("\n\n") {
                // What has no data is a comment that keeps the connection open.
                self.complete.extend(parse(message));
                self.unread = rest.to_owned();
            }
        }
        self.complete.pop_front()
    }
}

fn parse(message: &str) -> Option<Message> {
    let field = |name: &str| {
        let lines: Vec<_> = message.lines().filter_map(|line| line.strip_prefix(name)?.strip_prefix(": ")).collect();
        (!lines.is_empty()).then(|| lines.join("\n"))
    };
    let data = serde_json::from_str(&field("data")?).unwrap();
    // What is no event of the log has no id.
    Some(Message { id: field("id").unwrap_or_default(), event: field("event").unwrap(), data })
}
