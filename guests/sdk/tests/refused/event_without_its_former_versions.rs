use foldhost_sdk::{Event, FormerEvent};

#[derive(Event)]
enum WithoutAny {
    #[event(version = 3)]
    Issued { cents: i64 },
}

#[derive(Event)]
enum WithAGap {
    #[event(version = 3, v1 = IssuedV1)]
    Issued { cents: i64 },
}

#[derive(Event)]
enum WithoutTheFirst {
    #[event(name = "invoice.Issued", version = 3, v2 = Former)]
    Issued { cents: i64 },
}

#[derive(Event)]
enum SinceTooEarly {
    #[event(version = 3, since = 2)]
    Issued { cents: i64 },
}

#[derive(FormerEvent)]
struct IssuedV1 {
    euros: i64,
}

#[derive(FormerEvent)]
struct Former {
    cents: i32,
}

fn main() {}
