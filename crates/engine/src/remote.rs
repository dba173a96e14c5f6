//! A model that another server runs, in the words of the Open Inference Protocol.

use tensor::Signature;

/// Where a model runs that does not run here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Remote {
    /// What stands in front of `/v2`, without a slash at its end.
    pub url: String,
    /// The server as people are told of it.
    pub host: String,
    /// What the server calls the model.
    pub model: String,
    pub version: Option<String>,
    /// Whose model it is: requests can be signed with the owner's secret.
    pub owner: [u8; 16],
    /// What answers must keep to; unread by a trial, which asks for it.
    pub signature: Signature,
}
