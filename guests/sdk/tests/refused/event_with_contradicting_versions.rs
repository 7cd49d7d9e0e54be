use foldhost_sdk::{Event, FormerEvent};

#[derive(Event)]
enum NotBelow {
    #[event(version = 2, v1 = IssuedV1, v2 = IssuedV2)]
    Issued { cents: i64 },
}

#[derive(Event)]
enum WithoutANewest {
    #[event(v1 = IssuedV1)]
    Issued { cents: i64 },
}

#[derive(Event)]
enum Zeroth {
    #[event(version = 2, v0 = IssuedV1)]
    Issued { cents: i64 },
}

#[derive(Event)]
enum ListedTwice {
    #[event(version = 2, v1 = IssuedV1, v1 = IssuedV2)]
    Issued { cents: i64 },
}

#[derive(Event)]
enum OneShapeForTwo {
    #[event(version = 3, v1 = IssuedV1, v2 = IssuedV1)]
    Issued { cents: i64 },
}

#[derive(Event)]
enum NeverAndYet {
    #[event(version = 3, since = 2, v1 = IssuedV1, v2 = IssuedV2)]
    Issued { cents: i64 },
}

#[derive(Event)]
enum SinceTooLate {
    #[event(version = 2, since = 3)]
    Issued { cents: i64 },
}

#[derive(Event)]
enum NewestTwice {
    #[event(version = 2, version = 3)]
    Issued { cents: i64 },
}

#[derive(Event)]
enum ReadByTwo {
    #[event(version = 2, v1 = IssuedV1)]
    Issued { cents: i64 },
    #[event(name = "Issued")]
    IssuedBefore { euros: i64 },
}

#[derive(Event)]
enum ReadByTwoUnderAnotherName {
    #[event(version = 2, v1 = IssuedV1 as "Sent")]
    Issued { cents: i64 },
    Sent { euros: i64 },
}

#[derive(FormerEvent)]
struct IssuedV1 {
    euros: i64,
}

#[derive(FormerEvent)]
struct IssuedV2 {
    cents: i32,
}

fn main() {}
