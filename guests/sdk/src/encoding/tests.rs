//! The encoding beside bincode 2.0.1: the same bytes from the same values, and the same answer to damaged bytes.

#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::collections::BTreeMap;
use std::fmt::Debug;

use bincode::config;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use serde::Deserialize;

use super::*;

/// Every kind of field that serde knows and the encoding can hold.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Everything {
    numbers: (u8, u16, u32, u64, u128),
    signed: (i8, i16, i32, i64, i128),
    floats: (f32, f64),
    sizes: (usize, isize),
    flag: bool,
    letter: char,
    text: String,
    nothing: (),
    unit: Unit,
    maybe: Option<Option<String>>,
    wrapped: Wrapped,
    list: Vec<Kind>,
    array: [u16; 3],
    map: BTreeMap<String, i32>,
    result: Result<u64, String>,
    duration: std::time::Duration,
    address: std::net::IpAddr,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Unit;

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Wrapped(Box<str>);

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
enum Kind {
    Unit,
    Newtype(u32),
    Tuple(i64, bool),
    Struct { sku: String, quantity: u32 },
}

/// Near the bounds of every width.
fn number(random: &mut StdRng) -> u128 {
    let bound = [0, 250, 251, 1 << 16, 1 << 32, 1 << 63, 1 << 64, u128::MAX][random.random_range(0..8)];
    match random.random_range(0..4) {
        0 => bound,
        1 => bound.wrapping_sub(1),
        2 => random.random::<u128>() >> random.random_range(0..128),
        _ => bound.wrapping_add(random.random_range(0..3)),
    }
}

fn text(random: &mut StdRng) -> String {
    let lens = if random.random_ratio(1, 20) { 6 } else { 4 };
    let len = [0, 1, 5, 250, 251, 70_000][random.random_range(0..lens)];
    (0..len).map(|_| ['a', '"', 'é', '\u{20ac}', '\u{1F600}'][random.random_range(0..5)]).collect()
}

fn kind(random: &mut StdRng) -> Kind {
    match random.random_range(0..4) {
        0 => Kind::Unit,
        1 => Kind::Newtype(number(random) as u32),
        2 => Kind::Tuple(number(random) as i64, random.random()),
        _ => Kind::Struct { sku: text(random), quantity: number(random) as u32 },
    }
}

fn everything(random: &mut StdRng) -> Everything {
    let r = random;
    Everything {
        numbers: (number(r) as u8, number(r) as u16, number(r) as u32, number(r) as u64, number(r)),
        signed: (number(r) as i8, number(r) as i16, number(r) as i32, number(r) as i64, number(r) as i128),
        floats: (r.random(), r.random::<f64>() * 1e300),
        sizes: (number(r) as usize, number(r) as isize),
        flag: r.random(),
        letter: r.random(),
        text: text(r),
        nothing: (),
        unit: Unit,
        maybe: [None, Some(None), Some(Some(text(r)))][r.random_range(0..3)].clone(),
        wrapped: Wrapped(text(r).into()),
        list: (0..r.random_range(0..4)).map(|_| kind(r)).collect(),
        array: [number(r) as u16, number(r) as u16, number(r) as u16],
        map: (0..r.random_range(0..3)).map(|_| (text(r), number(r) as i32)).collect(),
        result: if r.random() { Ok(number(r) as u64) } else { Err(text(r)) },
        duration: std::time::Duration::from_millis(number(r) as u32 as u64),
        address: std::net::IpAddr::from(number(r).to_be_bytes()),
    }
}

fn written_by_bincode<T: Serialize>(value: &T) -> Vec<u8> {
    bincode::serde::encode_to_vec(value, config::standard()).unwrap()
}

/// All of the bytes, as bincode reads them; with a limit, since it makes room for whatever length is claimed.
fn read_by_bincode<T: DeserializeOwned>(bytes: &[u8]) -> Option<T> {
    let limited = config::standard().with_limit::<{ 16 << 20 }>();
    let (value, read) = bincode::serde::borrow_decode_from_slice(bytes, limited).ok()?;
    (read == bytes.len()).then_some(value)
}

#[test]
fn random_values_have_the_bytes_that_bincode_gives_them_and_come_back() {
    let seed = rand::random();
    let mut random = StdRng::seed_from_u64(seed);
    for _ in 0..3_000 {
        let value = everything(&mut random);
        let bytes = encode(&value).unwrap();
        assert!(bytes == written_by_bincode(&value), "seed {seed}: {value:?}");
        assert!(decode::<Everything>(&bytes).as_ref() == Ok(&value), "seed {seed}: {value:?}");
    }
}

#[test]
fn damaged_bytes_are_read_as_bincode_reads_them_or_refused_as_it_refuses_them() {
    let seed = rand::random();
    let mut random = StdRng::seed_from_u64(seed);
    let (mut taken, mut refused) = (0, 0);
    for _ in 0..8_000 {
        let value = everything(&mut random);
        let mut bytes = encode(&value).unwrap();
        // Near the beginning, where most of the fields are.
        let at = random.random_range(0..bytes.len().min(80));
        match random.random_range(0..4) {
            0 => bytes.truncate(at),
            1 => bytes.insert(at, random.random()),
            2 => bytes[at] = [0, 1, 2, 250, 251, 252, 253, 254, 255, random.random()][random.random_range(0..10)],
            _ => drop(bytes.drain(at..(at + 2).min(bytes.len()))),
        }
        let (ours, theirs) = (decode::<Everything>(&bytes), read_by_bincode::<Everything>(&bytes));
        assert_eq!(ours.is_ok(), theirs.is_some(), "seed {seed}: {bytes:?}: {ours:?}");
        if let (Ok(ours), Some(theirs)) = (ours, theirs) {
            // By their bytes: a float may be no number, which equals nothing.
            assert!(encode(&ours).unwrap() == written_by_bincode(&theirs), "seed {seed}: {bytes:?}");
            taken += 1;
        } else {
            refused += 1;
        }
    }
    assert!(taken > 400 && refused > 400, "{taken} taken, {refused} refused: the damage is of one kind");
}

#[test]
fn an_integer_wider_than_its_field_is_refused_even_if_its_value_fits() {
    assert_eq!(decode::<u64>(&[253, 5, 0, 0, 0, 0, 0, 0, 0]), Ok(5));
    for bytes in [&[253, 5, 0, 0, 0, 0, 0, 0, 0][..], &[255], &[254]] {
        assert!(decode::<u32>(bytes).is_err(), "{bytes:?}");
        assert!(read_by_bincode::<u32>(bytes).is_none(), "{bytes:?}");
    }
}

#[test]
fn the_encoding_is_the_one_that_recorded_events_are_in() {
    let bytes = encode(&(1_u64, 300_u32, -1_i64, "ab", Some(true))).unwrap();
    assert_eq!(bytes, [1, 251, 44, 1, 1, 2, b'a', b'b', 1, 1]);
    assert_eq!(decode::<(u64, u32, i64, String, Option<bool>)>(&bytes), Ok((1, 300, -1, "ab".into(), Some(true))));
}

#[test]
fn bytes_after_the_value_are_refused() {
    let mut bytes = encode(&7_u8).unwrap();
    bytes.extend([0, 0]);
    assert_eq!(decode::<u8>(&bytes), Err(EncodingError::TrailingBytes(2)));
}

#[test]
fn a_length_beyond_the_bytes_is_refused_without_allocating_it() {
    let four_exabytes = [253, 0, 0, 0, 0, 0, 0, 0, 64];
    for error in
        [decode::<String>(&four_exabytes).unwrap_err(), decode::<Vec<u64>>(&four_exabytes).map(drop).unwrap_err()]
    {
        assert!(matches!(error, EncodingError::Decode(_)), "{error}");
    }
}

#[test]
fn messages_say_what_is_wrong_in_words() {
    #[track_caller]
    fn assert_message<T: DeserializeOwned>(bytes: &[u8], message: &str) {
        let error = decode::<T>(bytes).map(drop).unwrap_err().to_string();
        assert!(error.contains(message), "{error}");
    }
    assert_message::<String>(&[3, b'a'], "2 bytes are missing");
    assert_message::<bool>(&[7], "7 is no boolean");
    assert_message::<u16>(&[252, 0, 0, 1, 0], "too large for its field");
    assert_message::<String>(&[1, 0xff], "not UTF-8");
    assert_message::<char>(&[0xff], "not UTF-8");
    assert_message::<Result<u8, u8>>(&[7, 0], "expected `Ok` or `Err`");
    assert_message::<std::num::NonZeroU8>(&[0], "nonzero");
    assert_message::<serde_json::Value>(&[0], "is it a JSON value");
}

#[test]
fn a_list_without_a_length_is_refused_in_words() {
    struct Endless;
    impl Serialize for Endless {
        fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
            serializer.collect_seq((0_u8..9).filter(|byte| byte % 2 == 0))
        }
    }
    let error = encode(&Endless).unwrap_err().to_string();
    assert!(error.contains("how many entries"), "{error}");
}

#[test]
fn a_large_value_is_read_back_as_it_was() {
    let large = ("x".repeat(4 << 20), vec![1_u64; 1 << 20]);
    let bytes = encode(&large).unwrap();
    assert!(decode::<(String, Vec<u64>)>(&bytes).as_ref() == Ok(&large));
}

#[test]
fn text_is_taken_and_refused_as_the_standard_library_does() {
    let seed = rand::random();
    println!("seed {seed}");
    let mut random = StdRng::seed_from_u64(seed);
    let letters = ["a", "~", "\u{7f}", "\u{80}", "ß", "€", "🦀"];
    for _ in 0..20_000 {
        let len = random.random_range(0..100);
        let mut bytes: Vec<u8> = (0..len).map(|_| b'x').collect();
        // Now and then a letter, whole or broken, anywhere: also where a block of 32 or of 8 ends.
        for _ in 0..random.random_range(0..3) {
            let letter = letters[random.random_range(0..letters.len())].as_bytes();
            let at = random.random_range(0..=bytes.len());
            let cut = random.random_range(0..=letter.len());
            bytes.splice(at..at, letter[cut..].iter().copied());
        }
        assert_eq!(decoder::utf8(&bytes), std::str::from_utf8(&bytes).ok(), "{bytes:?}");
    }
}
