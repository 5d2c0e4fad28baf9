//! A TCP proxy that can be told to fail as networks and servers do. Knows no protocol, except to answer HTTP with an error.
#![allow(dead_code, reason = "each test binary takes what it needs of it")]
#![allow(clippy::unwrap_used, clippy::panic, reason = "functions that tests share fail as tests do")]
use std::{
    net::{Ipv4Addr, SocketAddr},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream, tcp::OwnedReadHalf, tcp::OwnedWriteHalf},
    sync::watch,
    task::JoinSet,
};

/// What happens to what passes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    /// It passes.
    Forward,
    /// Nothing passes in either direction, connections stay open, and none is refused: a blackhole.
    Freeze,
    /// Every HTTP request is answered with this status line and body, and its connection closed.
    Answer(&'static str, &'static str),
    /// Each connection is closed when so many bytes of answers have passed.
    Truncate(usize),
    /// The answer to a request that holds these bytes is lost with its connection, after the server has given it. Then
    /// everything passes.
    LoseAnswerTo(Vec<u8>),
}

/// Stands in front of one server.
#[derive(Debug)]
pub(crate) struct Proxy {
    pub(crate) port: u16,
    shared: Arc<Shared>,
    accepting: Option<JoinSet<()>>,
}

#[derive(Debug)]
struct Shared {
    upstream: u16,
    mode: watch::Sender<Mode>,
    /// Connections of an earlier age are cut.
    age: watch::Sender<u64>,
    faults: AtomicU64,
}

impl Proxy {
    /// Passes everything on to this port of this machine.
    pub(crate) async fn to(upstream: u16) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let shared = Shared {
            upstream,
            mode: watch::Sender::new(Mode::Forward),
            age: watch::Sender::new(0),
            faults: AtomicU64::new(0),
        };
        let mut proxy = Self { port, shared: Arc::new(shared), accepting: None };
        proxy.accept(listener);
        proxy
    }

    /// Does this from now on, also to open connections where that can be.
    pub(crate) fn set(&self, mode: Mode) {
        let anew = matches!(mode, Mode::Answer(..) | Mode::Truncate(_));
        self.shared.mode.send_replace(mode);
        if anew {
            self.cut();
        }
    }

    /// Closes every connection. New ones may come.
    pub(crate) fn cut(&self) {
        self.shared.age.send_modify(|age| *age += 1);
    }

    /// Closes every connection and refuses new ones, until [`Proxy::accept_again`].
    pub(crate) fn refuse(&mut self) {
        self.accepting = None;
        self.cut();
    }

    /// Takes connections again, on the same port.
    pub(crate) async fn accept_again(&mut self) {
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, self.port));
        self.accept(TcpListener::bind(address).await.unwrap());
    }

    /// How many answers were replaced, cut short or lost.
    pub(crate) fn faults(&self) -> u64 {
        self.shared.faults.load(Ordering::Relaxed)
    }

    fn accept(&mut self, listener: TcpListener) {
        let shared = Arc::clone(&self.shared);
        let mut accepting = JoinSet::new();
        accepting.spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((client, _)) = listener.accept().await {
                connections.spawn(Arc::clone(&shared).connection(client));
                while connections.try_join_next().is_some() {}
            }
        });
        self.accepting = Some(accepting);
    }
}

impl Shared {
    async fn connection(self: Arc<Self>, client: TcpStream) {
        let mut age = self.age.subscribe();
        age.mark_unchanged();
        tokio::select! {
            _ = age.changed() => {}
            () = self.serve(client) => {}
        }
    }

    async fn serve(&self, mut client: TcpStream) {
        let mode = self.mode.borrow().clone();
        if let Mode::Answer(status, body) = mode {
            self.answer(&mut client, status, body).await;
            return;
        }
        let Ok(server) = TcpStream::connect((Ipv4Addr::LOCALHOST, self.upstream)).await else { return };
        let ((from_client, to_client), (from_server, to_server)) = (client.into_split(), server.into_split());
        let lost = AtomicBool::new(false);
        // Whichever side closes, both are closed.
        tokio::select! {
            () = self.requests(from_client, to_server, &lost) => {}
            () = self.answers(from_server, to_client, &lost) => {}
        }
    }

    async fn requests(&self, mut from: OwnedReadHalf, mut to: OwnedWriteHalf, lost: &AtomicBool) {
        let mut buffer = vec![0; 64 << 10];
        while let Some(chunk) = read(&mut from, &mut buffer).await {
            let mode = self.thawed().await;
            if let Mode::LoseAnswerTo(needle) = mode
                && chunk.windows(needle.len()).any(|window| window == needle)
            {
                lost.store(true, Ordering::Relaxed);
            }
            if to.write_all(chunk).await.is_err() {
                return;
            }
        }
    }

    async fn answers(&self, mut from: OwnedReadHalf, mut to: OwnedWriteHalf, lost: &AtomicBool) {
        let mut buffer = vec![0; 64 << 10];
        let mut passed = 0;
        while let Some(mut chunk) = read(&mut from, &mut buffer).await {
            let mode = self.thawed().await;
            if lost.load(Ordering::Relaxed) {
                self.faults.fetch_add(1, Ordering::Relaxed);
                self.mode.send_replace(Mode::Forward);
                return;
            }
            passed += chunk.len();
            let over = if let Mode::Truncate(most) = mode { passed.saturating_sub(most) } else { 0 };
            chunk = &chunk[..chunk.len().saturating_sub(over)];
            if to.write_all(chunk).await.is_err() {
                return;
            }
            if over > 0 {
                self.faults.fetch_add(1, Ordering::Relaxed);
                return;
            }
        }
    }

    /// The mode, when it is no longer [`Mode::Freeze`].
    async fn thawed(&self) -> Mode {
        let mut mode = self.mode.subscribe();
        let thawed = mode.wait_for(|mode| *mode != Mode::Freeze).await.unwrap();
        thawed.clone()
    }

    async fn answer(&self, client: &mut TcpStream, status: &str, body: &str) {
        let mut request = Vec::new();
        let mut buffer = vec![0; 64 << 10];
        while !is_whole(&request) {
            let Ok(n @ 1..) = client.read(&mut buffer).await else { return };
            request.extend_from_slice(&buffer[..n]);
        }
        self.faults.fetch_add(1, Ordering::Relaxed);
        let length = body.len();
        let head = format!(
            "HTTP/1.1 {status}\r\ncontent-type: application/xml\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n"
        );
        drop(client.write_all(format!("{head}{body}").as_bytes()).await);
        drop(client.shutdown().await);
    }
}

async fn read<'a>(from: &mut OwnedReadHalf, buffer: &'a mut [u8]) -> Option<&'a [u8]> {
    let n = from.read(buffer).await.ok().filter(|n| *n > 0)?;
    buffer.get(..n)
}

/// Whether an HTTP request with its body is there.
fn is_whole(request: &[u8]) -> bool {
    let Some(head) = request.windows(4).position(|window| window == b"\r\n\r\n") else { return false };
    let text = String::from_utf8_lossy(&request[..head]).to_ascii_lowercase();
    let length = text.lines().find_map(|line| line.strip_prefix("content-length:")?.trim().parse::<usize>().ok());
    request.len() >= head + 4 + length.unwrap_or_default()
}
