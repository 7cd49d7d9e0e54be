#[derive(foldhost_sdk::Event)]
enum Recorded<T> {
    Happened { value: T },
}

fn main() {}
