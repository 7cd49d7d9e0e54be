#[derive(foldhost_sdk::Event)]
enum Twice {
    Happened,
    #[event(name = "Happened")]
    Occurred,
}

#[derive(foldhost_sdk::Event)]
enum Zeroth {
    #[event(version = 0)]
    Happened,
}

#[derive(foldhost_sdk::Event)]
enum Spaced {
    #[event(name = "It happened")]
    Happened,
}

#[derive(foldhost_sdk::Event)]
enum Misspelt {
    #[event(versoin = 2)]
    Happened,
}

#[derive(foldhost_sdk::Event)]
#[event(version = 2)]
enum AllAtOnce {
    Happened,
}

#[derive(foldhost_sdk::Event)]
enum Never {}

fn main() {}
