//! `modelhub login`: remembers a hub and a key, once the hub has said whose it is.

use std::io::Read;

use clap::Args;
use serde_json::json;

use crate::client::{Client, Secret};
use crate::place;
use crate::screen::{Screen, hinted, one_line};

/// Logs in to a hub: checks a key there and remembers it, readable by you alone.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  modelhub login http://127.0.0.1:8080 --key mh_…
  pass show modelhub | modelhub login https://hub.example --key -")]
pub(crate) struct Login {
    /// The hub's address
    url: String,
    /// The key; - reads it from standard input, so that it stands in no history
    #[arg(long, env = "MODELHUB_KEY", hide_env_values = true)]
    key: String,
}

impl Login {
    pub(crate) fn run(self, screen: Screen) -> anyhow::Result<()> {
        let key = if self.key == "-" {
            let mut text = String::new();
            std::io::stdin().take(4096).read_to_string(&mut text)?;
            Secret::new(&text)
        } else {
            Secret::new(&self.key)
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
