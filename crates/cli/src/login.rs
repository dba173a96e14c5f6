//! `modelhub login`: remembers a hub and a key, once the hub has said whose it is. Without a key it gets one: its user
//! says yes on a page of the hub.

use std::io::Read;
use std::time::{Duration, Instant};

use clap::Args;
use serde_json::json;

use crate::client::{Client, Secret};
use crate::place;
use crate::screen::{Screen, hinted, one_line};

/// Logs in to a hub: on a page of its, or with a key, and remembers the key, readable by you alone.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  modelhub login https://hub.example
  modelhub login http://127.0.0.1:8080 --key mh_…
  pass show modelhub | modelhub login https://hub.example --key -")]
pub(crate) struct Login {
    /// The hub's address
    url: String,
    /// The key; - reads it from standard input, so that it stands in no history. Without one, a page of the hub asks
    #[arg(long, env = "MODELHUB_KEY", hide_env_values = true)]
    key: Option<String>,
}

impl Login {
    pub(crate) fn run(self, screen: Screen) -> anyhow::Result<()> {
        let key = match self.key.as_deref() {
            None => ask_on_a_page(&Client::new(&self.url, None)?, screen)?,
            Some("-") => {
                let mut text = String::new();
                std::io::stdin().take(4096).read_to_string(&mut text)?;
                Secret::new(&text)
            }
            Some(key) => Secret::new(key),
        };
        if key.reveal().is_empty() || !key.reveal().bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(hinted("this is no key", "a key is one word that begins with mh_"));
        }
        let client = Client::new(&self.url, Some(key.clone()))?;
        let account: api::Account = client.get("/api/v1/account")?;
        let login = place::Login { url: client.url().to_owned(), key };
        let path = login.save()?;
        let document = json!({ "url": login.url, "handle": account.handle, "account": account.account, "saved": path });
        screen.show(&document, || format!("logged in to {} as {}", login.url, one_line(&account.handle)))
    }
}

/// Waits until somebody who is signed in has said yes or no on a page (RFC 8628).
fn ask_on_a_page(client: &Client, screen: Screen) -> anyhow::Result<Secret> {
    let machine = rustix::system::uname().nodename().to_string_lossy().into_owned();
    let name: String = format!("modelhub on {machine}").chars().filter(|c| !c.is_control()).take(100).collect();
    let device: api::Device = client.post("/api/v1/devices", &api::NewDevice { name })?;
    screen.note(&format!(
        "Open {}\nand compare the code {}. Waiting for your answer there, {} minutes at most…",
        one_line(&device.verification_uri_complete),
        one_line(&device.user_code),
        device.expires_in / 60,
    ));
    let until = Instant::now() + Duration::from_secs(device.expires_in.into());
    let asked = api::DeviceToken { device_code: device.device_code };
    while Instant::now() < until {
        std::thread::sleep(Duration::from_secs(device.interval.clamp(1, 60).into()));
        let answer: api::DeviceAnswer = client.post("/api/v1/devices/token", &asked)?;
        match (answer.status.as_str(), answer.key) {
            ("approved", Some(key)) => return Ok(Secret::new(&key)),
            ("denied", _) => {
                return Err(hinted("it was turned away on the page", "start again, if that was a mistake"));
            }
            _ => {}
        }
    }
    Err(hinted("nobody answered within the time", "start again, or log in with --key"))
}
