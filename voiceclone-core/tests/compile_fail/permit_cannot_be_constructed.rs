//! Only a consent policy makes a permit.
use voiceclone_core::consent::Permit;

fn main() {
    let _make = Permit;
}
