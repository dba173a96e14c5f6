//! `modelhub doctor`: looks at what a hub needs of this machine, and says what to do where it is not there.

use std::fs::{self, File};
use std::io::{self, Write};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use clap::Args;
use engine::{Runners, Sandbox};
use serde::Serialize;

use crate::bucket;
use crate::library::{self, State};
use crate::place::{self, DataFolder, Running};
use crate::runners;
use crate::screen::{Align, Screen, Table, bytes, hinted};
use crate::settings::Settings;

/// Checks this machine: folder and rights, settings, disk, the bucket of models if there is one, ONNX Runtime, sandbox, scheduling.
///
/// Each line is ok, warn or fail, with what to do. Ends with status 1 if one fails. Changes nothing but a file it
/// removes again.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  modelhub doctor
  modelhub doctor --data /srv/hub --json")]
pub(crate) struct Doctor {
    #[command(flatten)]
    data: DataFolder,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
enum Mark {
    Ok,
    Warn,
    Fail,
}

/// What was looked at, and how it is.
#[derive(Debug, Serialize)]
struct Check {
    what: &'static str,
    mark: Mark,
    detail: String,
    /// What to do about it.
    #[serde(rename = "do", skip_serializing_if = "Option::is_none")]
    advice: Option<String>,
}

#[derive(Debug, Serialize)]
struct Told {
    healthy: bool,
    checks: Vec<Check>,
}

/// Slower disks make every call wait noticeably.
const SLOW_SYNC: Duration = Duration::from_millis(20);
/// Below this much room, a few uploads fill the disk.
const LITTLE_ROOM: u64 = 2_000_000_000;

fn ok(what: &'static str, detail: impl Into<String>) -> Check {
    Check { what, mark: Mark::Ok, detail: detail.into(), advice: None }
}

fn warn(what: &'static str, detail: impl Into<String>, advice: impl Into<String>) -> Check {
    Check { what, mark: Mark::Warn, detail: detail.into(), advice: Some(advice.into()) }
}

fn fail(what: &'static str, detail: impl Into<String>, advice: impl Into<String>) -> Check {
    Check { what, mark: Mark::Fail, detail: detail.into(), advice: Some(advice.into()) }
}

impl Doctor {
    pub(crate) fn run(self, screen: Screen) -> anyhow::Result<()> {
        let path = self.data.path()?;
        let mut checks = vec![folder(&path)];
        checks.extend(secrets(&path));
        checks.push(settings(&path));
        checks.push(hub(&path));
        let near = existing(&path);
        checks.extend([room(&near), sync(&near), library()?]);
        checks.extend(models(&path));
        checks.extend(engine(&path)?);
        checks.push(real_time());
        let healthy = checks.iter().all(|check| check.mark != Mark::Fail);
        let told = Told { healthy, checks };
        screen.show(&told, || words(&told.checks))?;
        if healthy {
            Ok(())
        } else {
            Err(hinted("something is missing", "the lines that begin with fail say what to do"))
        }
    }
}

fn words(checks: &[Check]) -> String {
    let mut table = Table::new([("", Align::Left), ("", Align::Left), ("", Align::Left)]);
    for check in checks {
        let mark = match check.mark {
            Mark::Ok => "ok",
            Mark::Warn => "warn",
            Mark::Fail => "fail",
        };
        let advice = check.advice.as_ref().map(|advice| format!(": {advice}")).unwrap_or_default();
        table.row([mark.to_owned(), check.what.to_owned(), format!("{}{advice}", check.detail)]);
    }
    table.to_string()
}

/// The nearest folder that is there already.
fn existing(path: &Path) -> PathBuf {
    path.ancestors().find(|path| path.is_dir()).unwrap_or(Path::new("/")).to_owned()
}

fn folder(path: &Path) -> Check {
    let named = path.display();
    match fs::metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            ok("folder", format!("{named} is not there yet: the first start makes it"))
        }
        Err(error) => fail("folder", format!("{named}: {error}"), "give its owner the right to enter it"),
        Ok(metadata) if !metadata.is_dir() => fail("folder", format!("{named} is no folder"), "name one with --data"),
        Ok(metadata) if metadata.uid() != rustix::process::geteuid().as_raw() => {
            fail("folder", format!("{named} belongs to another user"), "run as its owner, or chown it")
        }
        Ok(metadata) if metadata.permissions().mode() & 0o077 != 0 => {
            let advice = format!("chmod 700 {named}");
            warn("folder", format!("{named} can be entered by others"), advice)
        }
        Ok(_) => ok("folder", format!("{named}, its owner's alone")),
    }
}

fn secrets(folder: &Path) -> Vec<Check> {
    let look = |path: PathBuf| {
        let mode = fs::metadata(&path).ok()?.permissions().mode() & 0o777;
        let named = path.display();
        Some(match mode {
            0o600 | 0o400 => ok("key", format!("{named}, its owner's alone")),
            _ => fail("key", format!("{named} can be read by others ({mode:03o})"), format!("chmod 600 {named}")),
        })
    };
    [place::operator_key(folder), folder.join("receipt.key")].into_iter().filter_map(look).collect()
}

fn settings(folder: &Path) -> Check {
    let path = Settings::path(folder);
    match Settings::default().over_file(folder) {
        Ok(_) if path.exists() => ok("settings", path.display().to_string()),
        Ok(_) => ok("settings", "the defaults"),
        Err(error) => fail("settings", format!("{error:#}"), "correct or remove that line"),
    }
}

/// Looks at what a hub says of itself; asking for its lock would be in the way of one that starts.
fn hub(folder: &Path) -> Check {
    let running = match Running::find(folder) {
        Ok(Some(running)) => running,
        Ok(None) => return ok("hub", "none runs here now"),
        Err(error) => return fail("hub", format!("{error:#}"), "remove that file once no hub runs here"),
    };
    let Running { url, pid } = running;
    if Path::new("/proc").join(pid.to_string()).exists() {
        ok("hub", format!("one runs at {url} (process {pid})"))
    } else {
        warn("hub", format!("process {pid} ended without a stop"), "the next start goes on where its books end")
    }
}

fn room(folder: &Path) -> Check {
    match rustix::fs::statvfs(folder) {
        Ok(disk) => {
            let left = disk.f_bavail.saturating_mul(disk.f_frsize);
            if left < LITTLE_ROOM {
                warn("disk", format!("{} left", bytes(left)), "models need room: put the folder on a larger disk")
            } else {
                ok("disk", format!("{} left", bytes(left)))
            }
        }
        Err(error) => warn("disk", format!("{}: {error}", folder.display()), "see that it can be read"),
    }
}

/// How long the disk takes to say that a row is safe: every paid call waits for that.
fn sync(folder: &Path) -> Check {
    match sync_times(folder) {
        Ok(mut times) => {
            times.sort_unstable();
            let median = times[times.len() / 2];
            let per_second = Duration::from_secs(1).as_nanos() / median.as_nanos().max(1);
            let detail = format!("fdatasync takes {:.2} ms, {per_second} a second", median.as_secs_f64() * 1e3);
            if median > SLOW_SYNC {
                warn("sync", detail, "calls wait for it: a faster disk helps")
            } else {
                ok("sync", detail)
            }
        }
        Err(error) => fail("sync", format!("{}: {error}", folder.display()), "the hub must be able to write there"),
    }
}

fn sync_times(folder: &Path) -> io::Result<Vec<Duration>> {
    let mut file: File = tempfile::tempfile_in(folder)?;
    let began = Instant::now();
    let mut times = Vec::new();
    while times.len() < 100 && (times.is_empty() || began.elapsed() < Duration::from_secs(1)) {
        file.write_all(&[0x5a; 4096])?;
        let asked = Instant::now();
        file.sync_data()?;
        times.push(asked.elapsed());
    }
    Ok(times)
}

fn library() -> anyhow::Result<Check> {
    const INSTALL: &str = "modelhub engine install";
    let path = library::path()?;
    let named = path.display();
    Ok(match library::State::of(&path) {
        Ok(State::Pinned) => ok("library", format!("ONNX Runtime {} at {named}", library::VERSION)),
        Ok(State::Missing) => fail("library", format!("{named} is missing"), INSTALL),
        Ok(State::Other(digest)) => {
            warn("library", format!("{named} is another one (SHA-256 {digest})"), format!("{INSTALL} --force"))
        }
        Err(error) => fail("library", format!("{error:#}"), INSTALL),
    })
}

/// The bucket that models lie in, asked with the keys of the environment.
fn models(folder: &Path) -> Option<Check> {
    let begun = match store::begun(folder) {
        Ok(begun) => begun?,
        Err(error) => return Some(fail("models", error.to_string(), "put the file back from a backup")),
    };
    let asked = begun.open(bucket::keys()).and_then(|bucket| Ok(bucket.find(store::CLAIM)?));
    Some(match asked {
        Ok(Some(_)) => {
            ok("models", format!("{} answers; a backup names what lies there and copies none of it", begun.blobs))
        }
        Ok(None) => {
            let detail = format!("{} answers and holds no hub's models", begun.blobs);
            fail("models", detail, "bring back what was there: modelhub fsck says what is missing")
        }
        Err(error) => {
            let advice =
                "the server has to be reached, and AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY be in the environment";
            fail("models", error.to_string(), advice)
        }
    })
}

/// Starts a runner: that the library is there does not mean that it opens, nor that this kernel locks it in.
fn engine(folder: &Path) -> anyhow::Result<Vec<Check>> {
    // Settings that cannot be read have a line of their own.
    let settings = Settings::default().over_file(folder).unwrap_or_default();
    let mut config = runners::config(&settings)?;
    config.sandbox = Sandbox::IfPossible;
    Ok(match Runners::new(config).probe() {
        Ok((info, protections)) => {
            vec![ok("engine", format!("{} {} opens in a runner", info.name, info.version)), sandbox(&protections)]
        }
        Err(unavailable) => vec![fail("engine", unavailable.reason, unavailable.hint)],
    })
}

fn sandbox(protections: &engine::Protections) -> Check {
    const ADVICE: &str = "a newer kernel; or serve --allow-unsandboxed, if all uploaders are trusted";
    match protections.missing() {
        missing if missing.is_empty() => {
            ok("sandbox", "runners have no file system, few system calls, bounded memory, no privileges")
        }
        missing => fail("sandbox", format!("this kernel lacks {}", missing.join(", ")), ADVICE),
    }
}

fn real_time() -> Check {
    const ADVICE: &str = "beside busy cores commits may wait: run as root, or grant CAP_SYS_NICE";
    // In a thread of its own, which takes its class along when it ends.
    match std::thread::spawn(may_be_real_time).join() {
        Ok(true) => ok("scheduling", "the books' writer gets a real-time class"),
        _ => warn("scheduling", "no real-time class for the books' writer", ADVICE),
    }
}

#[expect(unsafe_code, reason = "one call of the C library with a local, initialised argument")]
fn may_be_real_time() -> bool {
    let parameters = libc::sched_param { sched_priority: 1 };
    // SAFETY: 0 names the calling thread; the structure lives for the length of the call.
    unsafe { libc::sched_setscheduler(0, libc::SCHED_RR, &parameters) == 0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_that_others_can_enter_is_told_with_the_command_that_mends_it() {
        let temporary = tempfile::tempdir().unwrap();
        let path = temporary.path();
        fs::set_permissions(path, fs::Permissions::from_mode(0o700)).unwrap();
        assert_eq!(folder(path).mark, Mark::Ok);
        fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
        let check = folder(path);
        assert_eq!((check.mark, check.advice), (Mark::Warn, Some(format!("chmod 700 {}", path.display()))));
        assert_eq!(folder(&path.join("later")).mark, Mark::Ok);
        assert_eq!(existing(&path.join("later/still")), path);

        fs::write(path.join("operator.key"), "x").unwrap();
        fs::set_permissions(path.join("operator.key"), fs::Permissions::from_mode(0o644)).unwrap();
        assert_eq!(secrets(path)[0].mark, Mark::Fail);
        fs::write(Settings::path(path), "colour = 1").unwrap();
        assert_eq!(settings(path).mark, Mark::Fail);
        assert_ne!(sync(path).mark, Mark::Fail);
    }

    #[test]
    fn a_kernel_that_lacks_a_lock_is_named_with_what_to_do() {
        let whole = engine::Protections { files: true, calls: true, limits: true, privileges: true };
        assert_eq!(sandbox(&whole).mark, Mark::Ok);
        let check = sandbox(&engine::Protections { files: false, ..whole });
        assert!(check.mark == Mark::Fail && check.detail.contains("Landlock"), "{}", check.detail);
    }
}
