//! The registry: a file published beside `cp` and `sha256sum`, downloaded beside nginx, and what the hub holds in memory
//! meanwhile.

use std::fs::{self, File};
use std::io::{BufRead, BufReader, Read, Seek, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, bail};

use crate::hub::{Hub, Running};
use crate::{Figure, median, scratch};

#[derive(Debug, clap::Args)]
pub(crate) struct Race {
    /// The binary under test.
    #[arg(long)]
    modelhub: PathBuf,
    /// The ONNX Runtime library.
    #[arg(long)]
    library: PathBuf,
    /// The folder with scaler.onnx.
    #[arg(long)]
    fixtures: PathBuf,
    /// How long the file is.
    #[arg(long, default_value_t = 256)]
    mib: u64,
    #[arg(long, default_value_t = 5)]
    rounds: usize,
    /// The other side of the download, if there is one.
    #[arg(long)]
    nginx: Option<PathBuf>,
    /// One JSON object per line.
    #[arg(long)]
    pub(crate) json: bool,
}

const MIB: u64 = 1024 * 1024;
/// The most that the hub may hold in memory meanwhile.
const MOST_MIB: f64 = 150.0;

pub(crate) fn race(race: &Race) -> anyhow::Result<Vec<Figure>> {
    let folder = scratch()?;
    let hub = Hub::start(&race.modelhub, &race.library, folder.path())?;
    let model = folder.path().join("model");
    fs::create_dir(&model)?;
    fs::copy(race.fixtures.join("scaler.onnx"), model.join("model.onnx"))?;
    let (data, copy) = (model.join("data.bin"), folder.path().join("copy.bin"));
    fill(&data, race.mib)?;
    let mib = race.mib as f64;
    let (mut published, mut copied) = (Vec::new(), Vec::new());
    for round in 0..race.rounds {
        renew(&data, round as u64)?;
        let publish = || hub.publish(&model, "large");
        let copying = || {
            run(Command::new("cp").arg(&data).arg(&copy))?;
            run(Command::new("sha256sum").arg(&copy))
        };
        // Who comes second finds the file in memory as the first one did, and no dirty pages of the other's.
        match round % 2 {
            0 => {
                published.push(timed(publish)?);
                copied.push(timed(copying)?);
            }
            _ => {
                copied.push(timed(copying)?);
                published.push(timed(publish)?);
            }
        }
        fs::remove_file(&copy)?;
    }
    let (published, copied) = (median(published), median(copied));
    let mut figures = vec![
        Figure::context(format!("{mib} MiB published"), mib / published, "MiB/s"),
        Figure::context(format!("{mib} MiB, cp and sha256sum"), mib / copied, "MiB/s"),
        Figure::ratio("modelhub publish / (cp + sha256sum)", copied / published, 0.60),
    ];
    figures.extend(downloads(race, &hub, &data, folder.path())?);
    let most = hub.peak_resident_bytes()? as f64 / MIB as f64;
    figures.push(Figure {
        bar: Some(MOST_MIB),
        holds: Some(most <= MOST_MIB),
        ..Figure::context("memory of the hub meanwhile (at most)", most, "MiB")
    });
    Ok(figures)
}

fn downloads(race: &Race, hub: &Hub, data: &Path, folder: &Path) -> anyhow::Result<Vec<Figure>> {
    const BAR: &str = "download / nginx";
    let size = race.mib * MIB;
    let nginx = race.nginx.as_deref().map(|nginx| Nginx::start(nginx, data, folder)).transpose();
    let nginx = nginx.and_then(|nginx| nginx.context("there is no nginx"));
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    for _ in 0..race.rounds {
        ours.push(timed(|| download(hub.address(), "/alice/large/resolve/main/data.bin", size))?);
        if let Ok(nginx) = &nginx {
            theirs.push(timed(|| download(&nginx.address, "/data.bin", size))?);
        }
    }
    let ours = median(ours);
    let context = Figure::context(format!("{} MiB downloaded", race.mib), race.mib as f64 / ours, "MiB/s");
    Ok(match nginx {
        Ok(_) => vec![context, Figure::ratio(BAR, median(theirs) / ours, 0.80)],
        Err(error) => {
            let note = Some(format!("{error:#}"));
            let lost = Figure { bar: Some(0.80), holds: Some(false), note, ..Figure::context(BAR, f64::NAN, "ratio") };
            vec![context, lost]
        }
    })
}

fn timed(work: impl FnOnce() -> anyhow::Result<()>) -> anyhow::Result<f64> {
    run(&mut Command::new("sync"))?;
    let begun = Instant::now();
    work()?;
    Ok(begun.elapsed().as_secs_f64())
}

fn run(command: &mut Command) -> anyhow::Result<()> {
    let status = command.stdout(Stdio::null()).status().with_context(|| format!("{command:?}"))?;
    if !status.success() {
        bail!("{command:?} ended with {status}");
    }
    Ok(())
}

/// A file that nobody can pack.
fn fill(path: &Path, mib: u64) -> anyhow::Result<()> {
    let mut file = File::create(path)?;
    let mut state = 88_172_645_463_325_252_u64;
    let mut piece = vec![0; MIB as usize];
    for _ in 0..mib {
        for word in piece.chunks_exact_mut(8) {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            word.copy_from_slice(&state.to_le_bytes());
        }
        file.write_all(&piece)?;
    }
    Ok(())
}

/// Makes it one that the hub has not got.
fn renew(path: &Path, round: u64) -> anyhow::Result<()> {
    let mut file = File::options().write(true).open(path)?;
    file.rewind()?;
    Ok(file.write_all(&round.to_le_bytes())?)
}

/// Reads an answer to its end.
fn download(address: &str, path: &str, size: u64) -> anyhow::Result<()> {
    let mut stream = TcpStream::connect(address)?;
    write!(stream, "GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n")?;
    let mut reader = BufReader::with_capacity(256 * 1024, stream);
    let mut first = String::new();
    reader.read_line(&mut first)?;
    let mut line = first.clone();
    while line.trim_end() != "" {
        line.clear();
        reader.read_line(&mut line)?;
    }
    let (mut got, mut piece) = (0, vec![0; 256 * 1024]);
    loop {
        match reader.read(&mut piece)? {
            0 if got == size => return Ok(()),
            0 => bail!("{path} of {address} ended after {got} of {size} bytes: {}", first.trim_end()),
            more => got += more as u64,
        }
    }
}

/// Serves the folder of a file.
struct Nginx {
    address: String,
    _running: Running,
}

impl Nginx {
    fn start(program: &Path, file: &Path, folder: &Path) -> anyhow::Result<Nginx> {
        let address = TcpListener::bind("127.0.0.1:0")?.local_addr()?.to_string();
        let own = folder.join("nginx");
        fs::create_dir_all(&own)?;
        let root = file.parent().context("a file lies in a folder")?;
        let temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"];
        let temporary = temporary.map(|name| format!("{name}_temp_path {}/{name}; ", own.display())).concat();
        let settings = format!(
            "daemon off; master_process off; pid {own}/pid; error_log stderr crit; events {{}} \
             http {{ access_log off; sendfile on; {temporary} server {{ listen {address}; root {root}; }} }}",
            own = own.display(),
            root = root.display(),
        );
        let path = own.join("nginx.conf");
        fs::write(&path, settings)?;
        let mut nginx = Command::new(program);
        nginx.arg("-p").arg(&own).arg("-c").arg(&path).stdout(Stdio::null());
        let running = Running::of(nginx.spawn().with_context(|| program.display().to_string())?);
        let begun = Instant::now();
        while TcpStream::connect(&address).is_err() {
            if begun.elapsed() > Duration::from_secs(5) {
                bail!("nginx does not answer");
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        Ok(Nginx { address, _running: running })
    }
}
