//! What is counted and measured of effects.

use metrics::Unit;

use super::targets::Lane;
use crate::event_store::{ClaimedEffect, EffectBacklog, EffectNext, EffectStatus};

/// Tells the recorder what the names stand for.
pub(crate) fn describe_metrics() {
    metrics::describe_counter!("foldhost_effects_claimed_total", "effects that were claimed, by kind");
    metrics::describe_counter!("foldhost_effects_finished_total", "effects that came to their end, by kind and status");
    metrics::describe_counter!("foldhost_effect_attempts_failed_total", "attempts that failed, by kind and code");
    metrics::describe_histogram!(
        "foldhost_effect_delay_seconds",
        Unit::Seconds,
        "from the time that an effect is due to its claim"
    );
    metrics::describe_gauge!("foldhost_effects_due", "effects that are due or running, on all hosts");
    metrics::describe_gauge!("foldhost_effects_waiting", "effects that wait for their time");
    metrics::describe_gauge!("foldhost_effects_dead", "dead letters");
    metrics::describe_gauge!(
        "foldhost_effects_oldest_due_seconds",
        Unit::Seconds,
        "how long the effect that is due for longest has been due"
    );
}

/// An effect was claimed.
pub(super) fn claimed(effect: &ClaimedEffect) {
    metrics::counter!("foldhost_effects_claimed_total", "kind" => kind(&effect.lane)).increment(1);
    let late = (effect.now - effect.due_at).to_std().unwrap_or_default();
    metrics::histogram!("foldhost_effect_delay_seconds").record(late.as_secs_f64());
}

/// An effect came a step on.
pub(super) fn step(effect: &ClaimedEffect, next: &EffectNext) {
    if let EffectNext::Finished { status, error, .. } = next {
        let status = match status {
            EffectStatus::Pending => "pending",
            EffectStatus::Done => "done",
            EffectStatus::Failed => "failed",
            EffectStatus::Dead => "dead",
            EffectStatus::Discarded => "discarded",
        };
        metrics::counter!("foldhost_effects_finished_total", "kind" => kind(&effect.lane), "status" => status)
            .increment(1);
        if status == "dead" {
            let (effect_id, stream_id) = (effect.effect_id, &effect.stream_id);
            let error = error.as_deref().unwrap_or_default();
            tracing::warn!(%effect_id, %stream_id, error, "an effect is a dead letter: see foldhost effects show");
        }
    }
}

/// How much waits, on all hosts together.
pub(crate) fn backlog(backlog: EffectBacklog) {
    let EffectBacklog { due, waiting, dead, oldest_due } = backlog;
    metrics::gauge!("foldhost_effects_due").set(due as f64);
    metrics::gauge!("foldhost_effects_waiting").set(waiting as f64);
    metrics::gauge!("foldhost_effects_dead").set(dead as f64);
    metrics::gauge!("foldhost_effects_oldest_due_seconds").set(oldest_due.as_secs_f64());
}

/// An attempt failed.
pub(super) fn failed_attempt(kind: &str, code: &str) {
    let labels = [("kind", known(kind)), ("code", code.to_owned())];
    metrics::counter!("foldhost_effect_attempts_failed_total", &labels).increment(1);
}

fn kind(lane: &str) -> String {
    known(&Lane::parse(lane).kind)
}

/// Guests choose the names of other kinds: as labels they would be series without end.
fn known(kind: &str) -> String {
    match kind {
        "dispatch" | "http" | "event-store" | "delay" => kind.to_owned(),
        _ => "custom".to_owned(),
    }
}
