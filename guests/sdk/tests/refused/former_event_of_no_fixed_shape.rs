use foldhost_sdk::FormerEvent;

#[derive(FormerEvent)]
enum NoStruct {
    V1,
}

#[derive(FormerEvent)]
struct Generic<T> {
    value: T,
}

#[derive(FormerEvent)]
struct Skipped {
    #[serde(skip)]
    value: u8,
}

#[derive(FormerEvent)]
struct Flattened {
    #[serde(flatten)]
    value: Inner,
}

#[derive(FormerEvent)]
struct Defaulted(#[serde(default)] u8);

#[derive(FormerEvent)]
#[serde(untagged)]
struct Untagged {
    value: u8,
}

#[derive(FormerEvent)]
#[serde(rename_all = "camelCase")]
struct RenamedAtOnce {
    value: u8,
}

#[derive(FormerEvent)]
struct Json {
    value: Option<serde_json::Value>,
}

struct Inner;

fn main() {}
