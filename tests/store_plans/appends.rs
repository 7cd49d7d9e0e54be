//! The appends, with their columns of values.

use super::effects;
use super::statements::{BY_STREAM, BYTES, Run, Statement};

/// A hundred batches, every third with two events more: half of them for streams of ten events, half for new ones.
pub(super) fn appends() -> Vec<Statement> {
    let batches: Vec<_> = (0..100).map(Batch::new).collect();
    let firsts = |text: fn(&Batch) -> String| array(batches.iter().map(text));
    let rest = |text: fn(&Batch, u64) -> String| {
        array(batches.iter().flat_map(|batch| (1..batch.count).map(move |number| text(batch, number))))
    };
    let all = |text: fn(&Batch, u64) -> String| {
        array(batches.iter().flat_map(|batch| (0..batch.count).map(move |number| text(batch, number))))
    };
    let [stream_id, version]: [fn(&Batch, u64) -> String; 2] =
        [|batch, _| batch.stream_id(), |batch, number| (batch.base + 1 + number).to_string()];
    let (kind, data, metadata) = ("'Placed.v1'", format!("{BYTES}::bytea"), "'{}'");
    let same = |value: &str, of: &str| format!("array_fill({value}, ARRAY[cardinality({of})])");
    let (ids, every_id, rest_ids) = (firsts(Batch::stream_id), all(stream_id), rest(stream_id));
    let events = |ids: &str| {
        [
            same(&format!("{kind}::text"), ids),
            same(&data, ids),
            same(&format!("{metadata}::text"), ids),
            same("NULL::smallint", ids),
        ]
    };
    let fences = ["ARRAY['order']".to_owned(), "ARRAY[1]".to_owned()];

    let mut plain =
        vec![every_id.clone(), all(version), all(|_, number| (number == 0).to_string()), same("1", &every_id)];
    plain.extend(events(&every_id));
    plain.extend(fences.clone());

    let mut contested = vec![ids.clone(), firsts(|batch| batch.base.to_string()), same("1", &ids)];
    contested.extend(events(&ids));
    contested.extend(fences);
    contested.extend([rest_ids.clone(), rest(version)]);
    contested.extend(events(&rest_ids));
    contested.extend([
        ids.clone(),
        firsts(|batch| format!("'new-{}'", batch.number)),
        same("'Place'::text", &ids),
        same(&data, &ids),
    ]);
    contested
        .extend([firsts(|batch| (batch.base + 1).to_string()), firsts(|batch| (batch.base + batch.count).to_string())]);
    contested.extend([same("NULL::text", &ids), same(&data, &ids), same("1::bigint", &ids)]);
    contested.extend([
        same(&data, &ids),
        same("0::smallint", &ids),
        same("NULL::smallint", &ids),
        same("1::bigint", &ids),
    ]);

    let append = |file, arguments: Vec<String>| Statement {
        arguments,
        ..Statement::new(file, "a hundred batches", Run::Append, &[]).by(BY_STREAM, &["stream_id ="]).within(10_000)
    };
    let mut with_effects = plain.clone();
    with_effects.extend(effects::columns(&ids));
    contested.extend(effects::columns(&ids));
    vec![
        append("append_with_effects.sql", with_effects).sorting(&[r#"u.stream_id COLLATE "C""#, "u.version"]),
        append("append.sql", plain).sorting(&[r#"u.stream_id COLLATE "C""#, "u.version"]),
        append("append_contested.sql", contested).sorting(&[
            // Keys of the batches' own streams.
            r#"k.stream_id COLLATE "C""#,
            r#"s.stream_id COLLATE "C""#,
            r#"r.stream_id COLLATE "C""#,
            "r.version",
            r#"c.stream_id COLLATE "C""#,
            r#"c.command_id COLLATE "C""#,
            "o.no",
        ]),
    ]
}

struct Batch {
    number: u64,
    base: u64,
    count: u64,
}

impl Batch {
    fn new(number: u64) -> Self {
        Self { number, base: if number < 50 { 10 } else { 0 }, count: if number.is_multiple_of(3) { 3 } else { 1 } }
    }

    fn stream_id(&self) -> String {
        match self.base {
            0 => format!("'order-new-{}'", self.number),
            _ => format!("'order-{:06}'", 80_000 + 4 * self.number),
        }
    }
}

fn array(values: impl Iterator<Item = String>) -> String {
    format!("ARRAY[{}]", values.collect::<Vec<_>>().join(", "))
}
