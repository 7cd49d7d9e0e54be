//! The payment service of the test: it fails by chance, and goes down now and then.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use order_processing::payments::{Entry, Faults, LedgerError, PaymentConfig, PaymentService, RunningService};

/// What is more than this is declined, in cents.
pub(crate) const DECLINE_ABOVE_CENTS: i64 = 6_000;

pub(crate) struct Till {
    config: PaymentConfig,
    address: String,
    open: Option<(PaymentService, RunningService)>,
}

impl Till {
    pub(crate) async fn open(ledger: PathBuf, seed: u64) -> Self {
        let faults = Faults { fail_percent: 15, slow_ms_max: 40, seed };
        let decline_above_cents = Some(DECLINE_ABOVE_CENTS);
        let config = PaymentConfig { ledger: Some(ledger), decline_above_cents, faults };
        let service = PaymentService::open(&config).unwrap();
        let running = RunningService::start(service.clone(), "127.0.0.1:0").await.unwrap();
        let address = running.address().to_string();
        Self { config, address, open: Some((service, running)) }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Ends, and begins again with what its ledger says, and other chances.
    pub(crate) async fn go_down_for(&mut self, time: Duration) {
        self.close().await;
        tokio::time::sleep(time).await;
        self.config.faults.seed = self.config.faults.seed.wrapping_add(1);
        let service = loop {
            match PaymentService::open(&self.config) {
                Ok(service) => break service,
                // A booking whose asker was killed comes to its end in the former service.
                Err(LedgerError::InUse(_)) => tokio::time::sleep(Duration::from_millis(1)).await,
                Err(error) => panic!("{error}"),
            }
        };
        let running = RunningService::start(service.clone(), &self.address).await.unwrap();
        self.open = Some((service, running));
    }

    pub(crate) async fn close(&mut self) {
        let (service, running) = self.open.take().unwrap();
        running.stop().await.unwrap();
        drop(service);
    }

    pub(crate) fn entries_by_order(&self) -> BTreeMap<String, Vec<Entry>> {
        let (service, _) = self.open.as_ref().unwrap();
        let mut by_order: BTreeMap<String, Vec<Entry>> = BTreeMap::new();
        for entry in service.entries() {
            by_order.entry(entry.order_id().to_owned()).or_default().push(entry);
        }
        by_order
    }
}
