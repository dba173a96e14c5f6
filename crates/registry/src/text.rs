//! Small habits of the texts here: values that read from and print as one text, and values cut short for messages.

/// In JSON a value is the text it prints as, and reading it applies all of its rules.
macro_rules! serde_as_text {
    ($($name:ty),+) => {$(
        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                <std::borrow::Cow<'de, str> as serde::Deserialize>::deserialize(deserializer)?
                    .parse()
                    .map_err(serde::de::Error::custom)
            }
        }
    )+};
}
pub(crate) use serde_as_text;

/// At most 100 characters of what was given, for a message. What a terminal would obey is not among them.
pub(crate) fn clip(text: &str) -> String {
    clip_to(text, 100).replace(char::is_control, "\u{fffd}")
}

/// At most `limit` characters; where something was left out, the last of them is an ellipsis.
pub(crate) fn clip_to(text: &str, limit: usize) -> String {
    if text.chars().nth(limit).is_none() {
        return text.to_owned();
    }
    let mut cut: String = text.chars().take(limit.saturating_sub(1)).collect();
    cut.push('…');
    cut
}
