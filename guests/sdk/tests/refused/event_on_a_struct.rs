#[derive(foldhost_sdk::Event)]
struct Happened {
    value: u8,
}

#[derive(foldhost_sdk::Command)]
struct Happen;

fn main() {}
