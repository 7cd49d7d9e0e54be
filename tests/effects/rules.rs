//! Rules of activations: kept with them, and with what they decided.

use foldhost::reducer::{AllowedOrigin, EffectRules};
use foldhost::swap::DeployRequest;
use foldhost_sdk::HttpRequest;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

use super::*;

const ANSWER: &str = "HTTP/1.1 201 Created\r\ncontent-length: 20\r\nconnection: close\r\n\r\n{\"payment_id\":\"p-1\"}";

/// Answers every request as a payment service does that was paid, and counts them.
async fn server() -> (String, Arc<std::sync::atomic::AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let origin = format!("http://{}", listener.local_addr().unwrap());
    let asked = Arc::new(std::sync::atomic::AtomicUsize::new(0));
    let counted = Arc::clone(&asked);
    tokio::spawn(async move {
        while let Ok((mut connection, _)) = listener.accept().await {
            counted.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
            // A small request, which comes in one piece.
            let mut request = [0; 4_096];
            if connection.read(&mut request).await.is_err() {
                continue;
            }
            connection.write_all(ANSWER.as_bytes()).await.ok();
        }
    });
    (origin, asked)
}

fn get(url: &str) -> Effect {
    let request = HttpRequest { method: "GET".into(), url: url.into(), headers: Vec::new(), body: Vec::new() };
    Effect::new(EffectKind::Http(request)).reply_to("Hear")
}

fn allowing(origin: &str) -> EffectRules {
    EffectRules { origins: vec![origin.parse::<AllowedOrigin>().unwrap()], ..EffectRules::default() }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reducer_reaches_no_url_that_its_rules_do_not_name() {
    let (origin, asked) = server().await;
    let (host, _recorder, database) = host().await;
    ask(&host, "asker-1", vec![get(&origin)]).await.unwrap();
    settled(&host).await;
    assert_eq!(heard(&host, "asker-1").await[0]["failed"]["code"], "origin-not-allowed");
    assert!(host.shutdown().await);

    let host = builder(&database.store, limits()).effect_rules("asker", allowing(&origin)).start().unwrap();
    ask(&host, "asker-2", vec![get(&origin), get("https://another.example/")]).await.unwrap();
    ask(&host, "asker-3", vec![get("not a url")]).await.unwrap();
    settled(&host).await;
    let mut codes: Vec<_> = heard(&host, "asker-2").await.iter().map(|told| told["http"]["status"].as_u64()).collect();
    codes.sort_unstable();
    assert_eq!(codes, [None, Some(201)]);
    assert_eq!(heard(&host, "asker-3").await[0]["failed"]["code"], "invalid-url");
    assert_eq!(asked.load(std::sync::atomic::Ordering::SeqCst), 1);
}

/// What was decided under rules that allowed it is done under them, whatever was activated since, and the other way round.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_effect_runs_under_the_rules_of_the_activation_that_decided_it() {
    let database = database().await;
    let (origin, _asked) = server().await;
    let deciding = Host::builder(Arc::clone(&database.store) as Arc<dyn Store>).limits(idle()).start().unwrap();
    let place = |id: &str| {
        let payment = serde_json::json!({"service": origin, "within_ms": 3_600_000});
        let items = serde_json::json!([{"sku": "CUP", "quantity": 1, "unit_price": 600}]);
        let order = serde_json::json!({"customer_id": "ada", "items": items, "payment": payment}).to_string();
        CommandRequest::new(stream(id), Command::json("PlaceOrder", order))
    };
    let deploy = async |host: &Host, rules| {
        let request = DeployRequest { rules, by: None };
        let deployed = host.deploy_with(component("order").to_vec(), request).await.unwrap();
        deployed.active.unwrap().reducer.generation
    };
    let allowed = deploy(&deciding, Some(allowing(&origin))).await;
    deciding.send(place("order-allowed")).await.unwrap();
    let refused = deploy(&deciding, Some(EffectRules::default())).await;
    assert_eq!((allowed, refused), (Some(1), Some(2)));
    deciding.send(place("order-refused")).await.unwrap();
    // Said again without a word on rules, nothing changes.
    assert_eq!(deploy(&deciding, None).await, Some(2));
    assert!(deciding.shutdown().await);

    let host = Host::builder(Arc::clone(&database.store) as Arc<dyn Store>).limits(limits()).start().unwrap();
    let status = async |id: &str| {
        let state = host.state(&stream(id), None).await.unwrap();
        serde_json::from_str::<serde_json::Value>(&state.json).unwrap()["status"].as_str().unwrap().to_owned()
    };
    until("both are answered", || async {
        status("order-allowed").await != "AwaitingPayment" && status("order-refused").await != "AwaitingPayment"
    })
    .await;
    assert_eq!((status("order-allowed").await.as_str(), status("order-refused").await.as_str()), ("Paid", "Cancelled"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rules_that_make_no_sense_are_refused_before_anything_is_deployed() {
    let (host, _recorder, _database) = host().await;
    let rules = EffectRules { rate_per_second_max: Some(0), ..EffectRules::default() };
    assert!(
        host.deploy_with(component("counter").to_vec(), DeployRequest { rules: Some(rules.clone()), by: None })
            .await
            .is_err()
    );
    assert!(host.reducer("counter").await.is_err());
    let store = Arc::new(foldhost::InMemoryEventStore::new());
    assert!(builder(&store, limits()).effect_rules("asker", rules).start().is_err());
    let twice = builder(&store, limits()).effect_kind(Recorder::default()).effect_kind(Recorder::default()).start();
    assert!(twice.is_err());
}
