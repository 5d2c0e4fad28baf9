//! What every stage of the chain says of itself. A stage is a small struct of its parameters, so that `Debug` names them all.
use std::fmt::Debug;

/// A step of the chain with parameters that change its result.
pub(super) trait Stage: Debug {
    /// Name and version of the algorithm. The version grows when the same parameters give another result.
    const NAME: &'static str;

    /// The algorithm with every parameter.
    fn fingerprint(&self) -> String {
        format!("{} {self:?}", Self::NAME)
    }
}
