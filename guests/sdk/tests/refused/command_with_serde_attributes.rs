#[derive(foldhost_sdk::Command)]
enum Flattened {
    Do {
        #[serde(flatten)]
        value: Inner,
    },
}

#[derive(foldhost_sdk::Command)]
enum OneSided {
    Do {
        #[serde(skip_serializing_if = "Option::is_none")]
        value: Option<u8>,
    },
}

#[derive(foldhost_sdk::Command)]
enum Generic<T> {
    Do { value: T },
}

#[derive(foldhost_sdk::Command)]
enum Raw {
    Do { value: Option<Box<serde_json::value::RawValue>> },
}

struct Inner;

fn main() {}
