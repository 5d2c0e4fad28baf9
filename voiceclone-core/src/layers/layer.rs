//! The shape of a layer: one hook per seam.
use std::{fmt::Debug, sync::Arc};

use crate::{cloner::VoiceCloner, preprocess::Preprocessor, store::BlobStore, synth::Synthesizer};

/// Puts something around a seam. Each hook takes what is there and gives back what is to be used instead.
///
/// The hooks have identity defaults, the one exception to the rule that a seam has no default methods: a layer that has
/// nothing to say about a seam leaves it as it is, and that is never a mistake. The wrappers that hooks return are
/// implementations of seams and have no such licence: mark them `#[deny(clippy::missing_trait_methods)]`.
///
/// ```
/// use std::sync::Arc;
/// use voiceclone_core::{layers::Layer, synth::Synthesizer};
///
/// #[derive(Debug)]
/// struct AsItIs;
/// impl Layer for AsItIs {}
///
/// fn around(provider: Arc<dyn Synthesizer>) -> Arc<dyn Synthesizer> {
///     AsItIs.synthesizer(provider)
/// }
/// ```
pub trait Layer: Debug + Send + Sync + 'static {
    /// Around speech.
    fn synthesizer(&self, inner: Arc<dyn Synthesizer>) -> Arc<dyn Synthesizer> {
        inner
    }

    /// Around enrolment.
    fn cloner(&self, inner: Arc<dyn VoiceCloner>) -> Arc<dyn VoiceCloner> {
        inner
    }

    /// Around preparation.
    fn preprocessor(&self, inner: Arc<dyn Preprocessor>) -> Arc<dyn Preprocessor> {
        inner
    }

    /// Around a blob store. Object stores retry by themselves: a layer that retries has no business here.
    fn blobs(&self, inner: Arc<dyn BlobStore>) -> Arc<dyn BlobStore> {
        inner
    }
}

#[deny(clippy::missing_trait_methods)]
impl<T: Layer + ?Sized> Layer for Arc<T> {
    fn synthesizer(&self, inner: Arc<dyn Synthesizer>) -> Arc<dyn Synthesizer> {
        (**self).synthesizer(inner)
    }

    fn cloner(&self, inner: Arc<dyn VoiceCloner>) -> Arc<dyn VoiceCloner> {
        (**self).cloner(inner)
    }

    fn preprocessor(&self, inner: Arc<dyn Preprocessor>) -> Arc<dyn Preprocessor> {
        (**self).preprocessor(inner)
    }

    fn blobs(&self, inner: Arc<dyn BlobStore>) -> Arc<dyn BlobStore> {
        (**self).blobs(inner)
    }
}
