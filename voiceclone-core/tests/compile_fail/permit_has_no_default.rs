//! A permit comes out of nothing neither by default nor from a store.
use voiceclone_core::consent::Permit;

fn main() {
    let _permit: Permit = Default::default();
}
