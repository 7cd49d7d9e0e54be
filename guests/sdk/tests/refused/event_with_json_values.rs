use serde_json::Value;

#[derive(foldhost_sdk::Event)]
enum ByPath {
    Happened { value: Option<Vec<serde_json::Value>> },
}

#[derive(foldhost_sdk::Event)]
enum ByImport {
    Happened(Value),
}

#[derive(foldhost_sdk::Event)]
enum ByMap {
    Happened((u8, [serde_json::Map<String, Value>; 2])),
}

fn main() {}
