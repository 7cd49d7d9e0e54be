//! Tells the story: in memory, on a PostgreSQL server of its own, or on one that runs.

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::{Context as _, Result};
use clap::Parser;
use foldhost::embedded_postgres::{EmbeddedPostgres, EmbeddedPostgresConfig};
use foldhost::{InMemoryEventStore, PoolConfig, PostgresEventStore, Store};

/// The life of a few orders on an embedded Foldhost, through a restart
#[derive(Parser)]
struct Args {
    /// Keep the events in this PostgreSQL database [env: DATABASE_URL]
    #[arg(long, value_name = "URL")]
    database_url: Option<String>,
    /// Keep the events on a private PostgreSQL server in this directory
    #[arg(long, value_name = "DIR", conflicts_with = "database_url")]
    data_dir: Option<PathBuf>,
    /// Decide with this component instead of the rules that are linked in, as `foldhost build guests/order` writes it
    #[arg(long, value_name = "FILE")]
    component: Option<PathBuf>,
}

#[tokio::main]
async fn main() -> ExitCode {
    match run(Args::parse()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn run(args: Args) -> Result<()> {
    let component = match &args.component {
        Some(path) => Some(std::fs::read(path).with_context(|| format!("cannot read {}", path.display()))?),
        None => None,
    };
    let of_the_environment = || std::env::var("DATABASE_URL").ok().filter(|url| !url.is_empty());
    match (args.data_dir, args.database_url.or_else(of_the_environment)) {
        (Some(data_dir), _) => {
            let server = EmbeddedPostgres::start(EmbeddedPostgresConfig::new(data_dir)).await?;
            server.ensure_database("orders").await?;
            let told = on_postgres(&server.url("orders"), component).await;
            server.stop().await?;
            told
        }
        (None, Some(url)) => on_postgres(&url, component).await,
        (None, None) => tell(Arc::new(InMemoryEventStore::new()), component).await,
    }
}

async fn on_postgres(url: &str, component: Option<Vec<u8>>) -> Result<()> {
    let store = PostgresEventStore::connect(url, &PoolConfig::default()).await?;
    store.migrate().await?;
    let told = tell(Arc::new(store.clone()), component).await;
    store.close().await;
    told
}

async fn tell(store: Arc<dyn Store>, component: Option<Vec<u8>>) -> Result<()> {
    order_processing::tell(store, component, &mut |line| println!("{line}")).await?;
    Ok(())
}
