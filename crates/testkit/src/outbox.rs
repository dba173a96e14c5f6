//! Where messages to webhooks end up in a scene.

use std::collections::HashMap;
use std::sync::Mutex;

use async_trait::async_trait;
use hub::Outbound;

/// One request that went out.
#[derive(Debug, Clone)]
pub struct Sent {
    /// The address.
    pub url: String,
    /// Its headers, by name.
    pub headers: HashMap<&'static str, String>,
    /// Its body.
    pub body: String,
}

impl Sent {
    /// The body, read.
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.body).unwrap()
    }
}

/// Keeps what goes out, and answers as it is told; a host called `tarpit` never does.
#[derive(Debug, Default)]
pub struct Outbox {
    sent: Mutex<Vec<Sent>>,
    answer: Mutex<Option<Result<u16, String>>>,
}

impl Outbox {
    /// Everything that went out.
    pub fn sent(&self) -> Vec<Sent> {
        self.sent.lock().unwrap().clone()
    }

    /// Answers like this from now on, and not 204.
    pub fn answer(&self, answer: Result<u16, String>) {
        *self.answer.lock().unwrap() = Some(answer);
    }
}

#[async_trait]
impl Outbound for Outbox {
    fn check(&self, url: &str) -> Result<(), String> {
        if url.starts_with("https://") { Ok(()) } else { Err("https:// and a host".to_owned()) }
    }

    async fn post(&self, url: &str, headers: &[(&'static str, String)], body: String) -> Result<u16, String> {
        let headers = headers.iter().cloned().collect();
        self.sent.lock().unwrap().push(Sent { url: url.to_owned(), headers, body });
        if url.starts_with("https://tarpit.") {
            std::future::pending::<()>().await;
        }
        self.answer.lock().unwrap().clone().unwrap_or(Ok(204))
    }
}
