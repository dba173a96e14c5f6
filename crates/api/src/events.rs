//! What happened on the hub, and webhooks that are told of it.

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use utoipa::ToSchema;

use crate::text::{DeliveryId, Handle, HookId, ModelName, Time};

/// `GET /api/v1/events`: what happened, the oldest first.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Events {
    pub items: Vec<Event>,
    /// For `?after=`; always there, because the feed goes on. It moves on without items, too.
    pub next: String,
}

/// One of them.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Event {
    /// Its place in the feed.
    pub seq: u64,
    /// `release.sealed`, …
    #[serde(rename = "type")]
    pub kind: String,
    #[schema(value_type = Time)]
    pub time: String,
    /// The handle of who did it; none for what the hub did by itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Handle>)]
    pub actor: Option<String>,
    /// The handle of whose thing it was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Handle>)]
    pub account: Option<String>,
    /// `owner/name` as it was then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<ModelName>)]
    pub model: Option<String>,
    /// What there is to know of it, by its type; `v` is the version of its form.
    #[schema(value_type = Object)]
    pub detail: Box<RawValue>,
}

/// `POST /api/v1/webhooks`: an address that is told of events.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewHook {
    /// `https://…`
    pub url: String,
    /// Whose events; yours unless said otherwise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Handle>)]
    pub account: Option<String>,
    /// Of this model alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<ModelName>)]
    pub model: Option<String>,
    /// Of these types alone; none: of all.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub types: Vec<String>,
}

/// `PUT /api/v1/webhooks/{webhook}`: what is to be different about it; the rest stays.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ChangeHook {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub types: Option<Vec<String>>,
    /// Nothing is sent, and what happens meanwhile is not told later.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub paused: Option<bool>,
    /// Whether the secret is replaced.
    #[serde(default)]
    pub new_secret: bool,
}

/// A webhook of events.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Hook {
    /// `hook_…`
    #[schema(value_type = HookId)]
    pub id: String,
    /// Whose events.
    #[schema(value_type = Handle)]
    pub account: String,
    /// Of this model alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<ModelName>)]
    pub model: Option<String>,
    pub url: String,
    /// Of these types alone; none: of all.
    pub types: Vec<String>,
    pub paused: bool,
    #[schema(value_type = Time)]
    pub created: String,
    /// `whsec_…`, what messages are signed with; shown when it is new.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret: Option<String>,
}

impl std::fmt::Debug for Hook {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Hook").field("id", &self.id).field("url", &self.url).finish_non_exhaustive()
    }
}

/// `GET /api/v1/webhooks`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Hooks {
    pub items: Vec<Hook>,
}

/// `GET /api/v1/webhooks/{webhook}/deliveries`: what was sent, the newest first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Deliveries {
    pub items: Vec<Delivery>,
    /// For `?cursor=`; none on the last page.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
}

/// One message, and how far telling it got.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Delivery {
    /// `delivery_…`
    #[schema(value_type = DeliveryId)]
    pub id: String,
    /// The `webhook-id` of the message: the same at every try, and when it is sent again.
    pub message: String,
    #[serde(rename = "type")]
    pub kind: String,
    /// The event's place in the feed; none for a test.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub event: Option<u64>,
    #[schema(value_type = Time)]
    pub time: String,
    /// How often it was tried.
    pub attempts: u32,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Time>)]
    pub delivered: Option<String>,
    /// When it is tried again; none: not any more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Time>)]
    pub next_attempt: Option<String>,
    /// The status that came back last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// What came of the last try.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub said: Option<String>,
}

/// `DELETE /api/v1/webhooks/{webhook}`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RemovedHook {
    #[schema(value_type = HookId)]
    pub id: String,
    pub removed: bool,
}
