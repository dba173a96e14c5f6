//! Webhooks and alerts.

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use utoipa::ToSchema;

use crate::text::{Amount, Time};

/// `PUT /api/v1/webhook`: where the account wants to be told of its alerts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SetWebhook {
    /// `https://…`
    pub url: String,
    /// Told when cash and promo together fall below it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Amount>)]
    pub low_balance: Option<String>,
    /// Whether a secret that is there is replaced.
    #[serde(default)]
    pub new_secret: bool,
}

/// Its answer, and that of `GET`.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Webhook {
    pub url: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Amount>)]
    pub low_balance: Option<String>,
    #[schema(value_type = Time)]
    pub created: String,
    /// `whsec_…`, what messages are signed with; shown when it is new.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret: Option<String>,
}

impl std::fmt::Debug for Webhook {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Webhook").field("url", &self.url).field("created", &self.created).finish_non_exhaustive()
    }
}

/// `DELETE /api/v1/webhook`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RemovedWebhook {
    pub removed: bool,
}

/// `POST /api/v1/webhook/test`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct QueuedTest {
    pub queued: bool,
}

/// `GET /api/v1/alerts`: what happened to the account, newest first.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Alerts {
    pub items: Vec<Alert>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
}

/// One of them.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Alert {
    /// `alert_…`, the `webhook-id` of its message.
    pub id: String,
    /// `limit.near`, `limit.reached`, `balance.low`, `model.volume`, `model.check` or `webhook.test`.
    #[serde(rename = "type")]
    pub kind: String,
    #[schema(value_type = Time)]
    pub time: String,
    /// What there is to know of it, by its type.
    #[schema(value_type = Object)]
    pub data: Box<RawValue>,
    /// How often telling it was tried.
    pub attempts: u32,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Time>)]
    pub delivered: Option<String>,
    /// When it is tried again; none: not any more, or there is no webhook.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Time>)]
    pub next_attempt: Option<String>,
    /// What the other side said last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub said: Option<String>,
}
