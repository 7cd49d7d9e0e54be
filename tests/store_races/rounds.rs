//! The kinds of rounds.

use foldhost::event_store::ActivationChange;
use foldhost::event_store::{AppendOutcome, StreamBatch};
use foldhost::{EventStore, EventStoreError, ExpectedVersion, ReducerStore, StreamId, Version};
use rand::Rng;
use rand::seq::SliceRandom;
use tokio::task::JoinSet;

use super::lane::{Draw, Lane, append_many, with_command};
use super::record::{Attempt, Round, Swap};

impl Lane {
    /// Plays one round; which kind it is goes by its number.
    pub(crate) async fn play(&mut self, seed: u64, number: usize) -> Round {
        let mut draw = Draw::new(seed, number);
        match number % 9 {
            0 => self.one_version(&mut draw, Round::new(number, "writers for one version")).await,
            1 => self.no_stream(&mut draw, Round::new(number, "writers for a new stream")).await,
            2 => self.all_expectations(&mut draw, Round::new(number, "all expectations")).await,
            3 => self.many_streams(&mut draw, Round::new(number, "many streams, in any order")).await,
            4 => self.atomic(&mut draw, Round::new(number, "atomic, over streams in common")).await,
            5 => self.once(&mut draw, Round::new(number, "one command id, append_once")).await,
            6 => self.one_command(&mut draw, Round::new(number, "one command id, in batches")).await,
            7 => self.closing(&mut draw, Round::new(number, "closing")).await,
            _ => self.swap(&mut draw, Round::new(number, "an activation")).await,
        }
    }

    /// A stream with a few events.
    async fn begun(&self, draw: &mut Draw, round: &mut Round, name: &str) -> (StreamId, Version) {
        let (stream_id, count) = (draw.stream(name), draw.random.random_range(0..4));
        if count > 0 {
            round.before.push(self.append(draw.batch(&stream_id, ExpectedVersion::NoStream, count)).await);
        }
        (stream_id, Version::new(count as u64))
    }

    async fn one_version(&self, draw: &mut Draw, mut round: Round) -> Round {
        let (stream_id, version) = self.begun(draw, &mut round, "one").await;
        let writers = draw.random.random_range(2..6);
        let appends = (0..writers).map(|writer| vec![draw.batch(&stream_id, version.into(), 1 + writer % 3)]);
        round.appends = self.race(appends.collect(), false).await;
        round
    }

    async fn no_stream(&self, draw: &mut Draw, mut round: Round) -> Round {
        let stream_id = draw.stream("new");
        let expected = [ExpectedVersion::NoStream, Version::EMPTY.into()];
        let writers = draw.random.random_range(2..6);
        let appends = (0..writers).map(|writer| vec![draw.batch(&stream_id, expected[writer % 2], 1 + writer / 2)]);
        round.appends = self.race(appends.collect(), false).await;
        round
    }

    async fn all_expectations(&self, draw: &mut Draw, mut round: Round) -> Round {
        let (stream_id, version) = self.begun(draw, &mut round, "all").await;
        let writers = draw.random.random_range(3..7);
        let appends = (0..writers).map(|_| {
            let expected = any_expectation(draw, version);
            let count = draw.count();
            vec![draw.batch(&stream_id, expected, count)]
        });
        round.appends = self.race(appends.collect(), false).await;
        round
    }

    async fn many_streams(&self, draw: &mut Draw, mut round: Round) -> Round {
        let streams = self.some_streams(draw, &mut round).await;
        let appends = (0..4).map(|writer| {
            // Two of the four name every version: they go without a lock, by the other form of the statement.
            some_of(draw, &streams, |draw, version| match writer < 2 {
                true => version.into(),
                false => any_expectation(draw, version),
            })
        });
        round.appends = self.race(appends.collect(), false).await;
        round
    }

    async fn atomic(&self, draw: &mut Draw, mut round: Round) -> Round {
        round.atomic = true;
        let streams = self.some_streams(draw, &mut round).await;
        let appends = (0..4).map(|_| {
            some_of(draw, &streams, |draw, version| match draw.random.random_bool(0.7) {
                true => version.into(),
                false => ExpectedVersion::Any,
            })
        });
        round.appends = self.race(appends.collect(), true).await;
        round
    }

    async fn some_streams(&self, draw: &mut Draw, round: &mut Round) -> Vec<(StreamId, Version)> {
        let mut streams = Vec::new();
        for name in 0..draw.random.random_range(2..7) {
            streams.push(self.begun(draw, round, &format!("many{name}")).await);
        }
        streams
    }

    /// Two hosts append the same under one id, a third something else under it, and one more appends under no id.
    async fn once(&self, draw: &mut Draw, mut round: Round) -> Round {
        let (stream_id, version) = self.begun(draw, &mut round, "once").await;
        let expected = if draw.random.random_bool(0.5) { version.into() } else { ExpectedVersion::Any };
        let same = with_command(draw.batch(&stream_id, expected, 2), "c-1");
        let other = with_command(draw.batch(&stream_id, version.into(), 1), "c-1");
        let senders = [&same, &same, &same, &other];
        let mut writers = JoinSet::new();
        for (writer, batch) in senders.into_iter().take(draw.random.random_range(2..5)).enumerate() {
            let (host, batch) = (self.host(writer), batch.clone());
            writers.spawn(async move {
                let events = batch.events.iter().map(|(event, _)| event.clone()).collect();
                let told = host.append_once(&batch.stream_id, batch.expected, "c-1", events).await;
                (batch, told)
            });
        }
        let rival = draw.batch(&stream_id, version.into(), 1);
        let rival = match draw.random.random_bool(0.3) {
            true => append_many(&self.host(1), &[rival]).await,
            false => Vec::new(),
        };
        round.appends = vec![rival];
        let mut acknowledged: Vec<(StreamBatch, Version)> = Vec::new();
        for (batch, told) in writers.join_all().await {
            let outcome = match told {
                Ok((first, last)) => {
                    assert_eq!(first + batch.events.len() as u64, last.next(), "round {}: {batch:?}", round.number);
                    // Whoever sent the same is told the same; what the log holds of it is one attempt.
                    match acknowledged.iter().any(|(known, at)| known.events == batch.events && *at == last) {
                        true => continue,
                        false => acknowledged.push((batch.clone(), last)),
                    }
                    AppendOutcome::Appended { version: last }
                }
                Err(EventStoreError::CommandIdReused { .. }) => AppendOutcome::Repeated,
                Err(EventStoreError::Conflict { actual, .. }) => AppendOutcome::Conflict { actual },
                Err(error) => panic!("round {}: {error}", round.number),
            };
            round.appends.push(vec![Attempt::of(&batch, outcome)]);
        }
        round
    }

    /// One command id for some streams, from every host, with events or, as a rejection has it, without.
    async fn one_command(&self, draw: &mut Draw, mut round: Round) -> Round {
        let streams = self.some_streams(draw, &mut round).await;
        let appends = (0..4).map(|writer| {
            let batches = some_of(draw, &streams, |draw, version| match writer < 3 || draw.random.random_bool(0.5) {
                true => version.into(),
                false => ExpectedVersion::Any,
            });
            batches.into_iter().map(|batch| with_command(batch, "c-1")).collect()
        });
        round.appends = self.race(appends.collect(), false).await;
        round
    }

    async fn closing(&self, draw: &mut Draw, mut round: Round) -> Round {
        let stream_id = draw.stream("closing");
        let count = draw.random.random_range(1..3);
        round.before.push(self.append(draw.batch(&stream_id, ExpectedVersion::NoStream, count)).await);
        let version = Version::new(count as u64);
        let closing: Vec<_> = (0..2)
            .map(|closer| {
                let (host, stream_id) = (self.host(closer), stream_id.clone());
                tokio::spawn(async move { host.close_stream(&stream_id, false).await.unwrap() })
            })
            .collect();
        let appends = (0..4).map(|_| {
            let expected = any_expectation(draw, version);
            let count = draw.count();
            vec![draw.batch(&stream_id, expected, count)]
        });
        round.appends = self.race(appends.collect(), false).await;
        for closing in closing {
            let closed = (stream_id.clone(), closing.await.unwrap());
            assert!(round.closed.as_ref().is_none_or(|other| *other == closed), "round {}: {closed:?}", round.number);
            round.closed = Some(closed);
        }
        round
    }

    /// Writers of the generation that goes and of the one that comes, each with a stream of its own, while it is activated.
    async fn swap(&mut self, draw: &mut Draw, mut round: Round) -> Round {
        let mut writers = JoinSet::new();
        let mut former = Vec::new();
        for writer in 0..4_usize {
            let stream_id = draw.stream(&format!("writer{writer}"));
            let fence = self.fence(self.generation + (writer == 3) as u64);
            if writer < 3 {
                former.push(stream_id.clone());
            }
            let versions = 0..draw.random.random_range(2..6_u64);
            let batches = versions.map(|version| draw.batch(&stream_id, Version::new(version).into(), 1));
            let batches: Vec<_> = batches.map(|batch| StreamBatch { fence: fence.clone(), ..batch }).collect();
            let host = self.host(writer);
            writers.spawn(async move {
                let mut attempts = Vec::new();
                for batch in batches {
                    attempts.extend(append_many(&host, &[batch]).await);
                    if attempts.last().is_none_or(|last| last.won().is_none()) {
                        break;
                    }
                }
                attempts
            });
        }
        let activation =
            self.hosts[0].activate(&ActivationChange::to(&self.reducer, self.next_digest())).await.unwrap();
        assert_eq!(activation.generation, self.generation + 1, "round {}", round.number);
        let marker = draw.stream("marker");
        let marked = self.append(draw.batch(&marker, ExpectedVersion::NoStream, 1)).await;
        // From here on none of the former generation gets through, whichever host it comes by.
        let late = draw.batch(&draw.stream("late"), ExpectedVersion::NoStream, 1);
        let late = StreamBatch { fence: self.fence(self.generation), ..late };
        let late = append_many(&self.host(1), &[late]).await;
        assert_eq!(late[0].outcome, AppendOutcome::Fenced, "round {}", round.number);
        self.generation += 1;
        round.appends = writers.join_all().await;
        round.appends.extend([vec![marked], late]);
        round.swap = Some(Swap { former, marker });
        round
    }
}

/// What a writer may expect of a stream that has `version`, or had it a moment ago.
fn any_expectation(draw: &mut Draw, version: Version) -> ExpectedVersion {
    match draw.random.random_range(0..10) {
        0..4 => version.into(),
        4..7 => ExpectedVersion::Any,
        7 => ExpectedVersion::Exists,
        8 => ExpectedVersion::NoStream,
        _ => version.next().into(),
    }
}

/// Batches for some of the streams, in any order.
fn some_of(
    draw: &mut Draw,
    streams: &[(StreamId, Version)],
    mut expected: impl FnMut(&mut Draw, Version) -> ExpectedVersion,
) -> Vec<StreamBatch> {
    let mut streams = streams.to_vec();
    streams.shuffle(&mut draw.random);
    streams.truncate(draw.random.random_range(1..=streams.len()));
    let mut batches = Vec::new();
    for (stream_id, version) in streams {
        let (expected, count) = (expected(draw, version), draw.count());
        batches.push(draw.batch(&stream_id, expected, count));
    }
    batches
}
