//! A server that speaks S3 over a directory: the protocol and its signatures are those of `s3s`, the files of `s3s-fs`.
use std::path::Path;

use hyper_util::{
    rt::{TokioExecutor, TokioIo},
    server::conn::auto::Builder,
};
use s3s::{auth::SimpleAuth, service::S3ServiceBuilder};
use s3s_fs::FileSystem;
use tokio::{net::TcpListener, task::JoinSet};
use voiceclone_core::{Error, Result};
use voiceclone_store::{Credentials, ObjectBlobStore};

const BUCKET: &str = "bench";
const ACCESS_KEY: &str = "AKIDBENCH";
const SECRET_KEY: &str = "the-secret-of-the-bench";

/// Serves one bucket below `root` until it is killed, and prints `ready ENDPOINT` before.
///
/// # Errors
/// If there is no port, or no directory.
pub async fn serve(root: &Path) -> Result<()> {
    let cannot = |e| Error::unexpected("the server cannot serve").with_source(e);
    std::fs::create_dir_all(root.join(BUCKET)).map_err(cannot)?;
    let files = FileSystem::new(root).map_err(|e| Error::unexpected(format!("the files cannot be served: {e:?}")))?;
    let mut service = S3ServiceBuilder::new(files);
    service.set_auth(SimpleAuth::from_single(ACCESS_KEY, SECRET_KEY));
    let service = service.build();
    let listener = TcpListener::bind("127.0.0.1:0").await.map_err(cannot)?;
    println!("ready http://{}", listener.local_addr().map_err(cannot)?);
    let mut connections = JoinSet::new();
    loop {
        let (socket, _) = listener.accept().await.map_err(cannot)?;
        let service = service.clone();
        connections.spawn(async move {
            // A client that goes away is no concern of the server's.
            let _ = Builder::new(TokioExecutor::new()).serve_connection(TokioIo::new(socket), service).await;
        });
        while connections.try_join_next().is_some() {}
    }
}

/// The bucket of the server at `endpoint`.
///
/// # Errors
/// If it cannot be opened.
pub async fn bucket(endpoint: &str) -> Result<ObjectBlobStore> {
    let builder = ObjectBlobStore::builder(&format!("s3://{BUCKET}"))?.endpoint(endpoint);
    builder.credentials(Credentials::s3(ACCESS_KEY, SECRET_KEY)).build().await
}
