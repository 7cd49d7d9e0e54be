#[derive(foldhost_sdk::Event)]
enum Skipped {
    Happened {
        #[serde(rename = "v", skip)]
        value: u8,
    },
}

#[derive(foldhost_sdk::Event)]
enum SkippedSometimes {
    Happened {
        #[serde(skip_serializing_if = "Option::is_none")]
        value: Option<u8>,
    },
}

#[derive(foldhost_sdk::Event)]
enum Flattened {
    Happened {
        #[serde(flatten)]
        value: Inner,
    },
}

#[derive(foldhost_sdk::Event)]
enum Defaulted {
    Happened {
        #[serde(default)]
        value: u8,
    },
}

#[derive(foldhost_sdk::Event)]
#[serde(tag = "kind")]
enum Tagged {
    Happened,
}

#[derive(foldhost_sdk::Event)]
enum Untagged {
    #[serde(untagged)]
    Happened,
}

#[derive(foldhost_sdk::Event)]
enum Renamed {
    #[serde(rename = "happened")]
    Happened,
}

struct Inner;

fn main() {}
