//! The load generator: keep-alive connections that each ask, wait for the answer, and ask again.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

#[derive(Debug, clap::Args)]
pub(crate) struct Load {
    /// Address and port.
    #[arg(long)]
    address: String,
    #[arg(long)]
    path: String,
    /// A file with the body.
    #[arg(long)]
    body: PathBuf,
    /// `Authorization: Bearer …`
    #[arg(long)]
    key: Option<String>,
    #[arg(long)]
    connections: usize,
    #[arg(long)]
    seconds: f64,
}

/// What a load came to.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(crate) struct Came {
    pub(crate) calls: u64,
    pub(crate) per_second: f64,
    pub(crate) p50_us: f64,
    pub(crate) p99_us: f64,
}

impl Came {
    pub(crate) fn of(mut times: Vec<Duration>, took: Duration) -> Came {
        times.sort_unstable();
        let at = |share: f64| {
            let place = ((times.len() as f64 * share) as usize).min(times.len().saturating_sub(1));
            times.get(place).map_or(f64::NAN, |t| t.as_secs_f64() * 1e6)
        };
        let calls = times.len() as u64;
        Came { calls, per_second: calls as f64 / took.as_secs_f64(), p50_us: at(0.50), p99_us: at(0.99) }
    }
}

pub(crate) fn run(load: &Load) -> anyhow::Result<()> {
    let body = std::fs::read(&load.body).with_context(|| load.body.display().to_string())?;
    let request = request(&load.address, &load.path, load.key.as_deref(), &body);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let came = runtime.block_on(async {
        let start = Instant::now();
        let until = start + Duration::from_secs_f64(load.seconds);
        let connections: Vec<_> = (0..load.connections)
            .map(|_| tokio::spawn(connection(load.address.clone(), request.clone(), until)))
            .collect();
        let mut times = Vec::new();
        for connection in connections {
            times.extend(connection.await??);
        }
        anyhow::Ok(Came::of(times, start.elapsed()))
    })?;
    println!("{}", serde_json::to_string(&came)?);
    Ok(())
}

/// A call as it goes over the wire.
pub(crate) fn request(address: &str, path: &str, key: Option<&str>, body: &[u8]) -> Vec<u8> {
    let key = key.map_or(String::new(), |key| format!("Authorization: Bearer {key}\r\n"));
    let mut request = format!(
        "POST {path} HTTP/1.1\r\nHost: {address}\r\nContent-Type: application/json\r\n{key}Content-Length: {}\r\n\r\n",
        body.len()
    )
    .into_bytes();
    request.extend_from_slice(body);
    request
}

/// One call on a connection of its own.
pub(crate) async fn once(address: &str, request: &[u8]) -> anyhow::Result<()> {
    let mut stream = TcpStream::connect(address).await?;
    stream.write_all(request).await?;
    answer(&mut stream, &mut vec![0; 4 * 1024]).await
}

async fn connection(address: String, request: Vec<u8>, until: Instant) -> anyhow::Result<Vec<Duration>> {
    let mut stream = TcpStream::connect(&address).await?;
    stream.set_nodelay(true)?;
    let mut times = Vec::with_capacity(1 << 16);
    let mut buffer = vec![0; 64 * 1024];
    while Instant::now() < until {
        let asked = Instant::now();
        stream.write_all(&request).await?;
        answer(&mut stream, &mut buffer).await?;
        times.push(asked.elapsed());
    }
    Ok(times)
}

/// Reads one answer whole. Anything but 200 ends the race: a refused call is no call.
async fn answer(stream: &mut TcpStream, buffer: &mut Vec<u8>) -> anyhow::Result<()> {
    let mut got = 0;
    let mut whole = None;
    loop {
        if got == buffer.len() {
            buffer.resize(buffer.len() * 2, 0);
        }
        let read = stream.read(&mut buffer[got..]).await?;
        if read == 0 {
            bail!("the server hung up");
        }
        got += read;
        if whole.is_none()
            && let Some(end) = buffer[..got].windows(4).position(|w| w == b"\r\n\r\n")
        {
            let head = std::str::from_utf8(&buffer[..end])?;
            if !head.starts_with("HTTP/1.1 200") {
                bail!("{}", String::from_utf8_lossy(&buffer[..got]));
            }
            let length = head
                .lines()
                .find_map(|line| line.to_ascii_lowercase().strip_prefix("content-length:").map(|n| n.trim().to_owned()))
                .context("an answer without Content-Length")?;
            whole = Some(end + 4 + length.parse::<usize>()?);
        }
        if whole.is_some_and(|whole| got >= whole) {
            return Ok(());
        }
    }
}
