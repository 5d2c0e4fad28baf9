//! The blob store beside the plain means it is made of: files and `fsync`, HTTP requests and presigned URLs.
pub mod contest;
pub mod plain;
pub mod server;
pub mod stream;
