use std::collections::{HashMap, HashSet};

#[derive(foldhost_sdk::Event)]
enum InAnyOrder {
    Happened { value: Option<HashMap<String, u8>> },
}

#[derive(foldhost_sdk::Event)]
enum InAnyOrderByPath {
    Happened(Vec<std::collections::HashSet<u8>>),
}

#[derive(foldhost_sdk::FormerEvent)]
struct InAnyOrderBefore(HashSet<u8>);

#[derive(foldhost_sdk::Event)]
enum Borrowed {
    Happened { value: &'static str },
}

#[derive(foldhost_sdk::Event)]
enum OfAnotherFormat {
    Happened { value: toml::Value },
}

#[derive(foldhost_sdk::Event)]
enum WrittenOneWay {
    Happened {
        #[serde(serialize_with = "write")]
        value: u8,
    },
}

#[derive(foldhost_sdk::FormerEvent)]
struct ReadOneWay {
    #[serde(rename = "v", deserialize_with = "read")]
    value: u8,
}

#[derive(foldhost_sdk::Event)]
enum NamedOneWay {
    Happened {
        #[serde(rename(serialize = "v"))]
        value: u8,
    },
}

fn main() {}
