//! The message: parsed from the body, validated, and serialised again into the answer.

use std::{borrow::Cow, fmt};

use serde::{
    Deserialize, Deserializer, Serialize, Serializer,
    de::{MapAccess, Visitor},
};
use serde_json::value::RawValue;

use crate::{json, problem::Problem};

/// A valid message; it borrows from the body whatever needed no unescaping.
#[derive(Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Message<'a> {
    /// 1 to 64 code points.
    #[serde(borrow)]
    pub id: Cow<'a, str>,
    /// What kind of message it is.
    #[serde(borrow, rename = "type")]
    pub kind: Cow<'a, str>,
    /// 0 to 9.
    pub priority: u8,
    /// Where it comes from.
    #[serde(borrow)]
    pub region: Cow<'a, str>,
    /// Names and values that rules may ask for.
    #[serde(borrow)]
    pub attributes: Attributes<'a>,
    /// Any JSON value but null: checked for form, and otherwise opaque.
    #[serde(borrow)]
    pub payload: &'a RawValue,
}

impl<'a> Message<'a> {
    /// Parses and validates a body.
    ///
    /// # Errors
    /// 400 with what is wrong.
    pub fn from_json(body: &'a [u8]) -> Result<Self, Problem> {
        let message: Self = json::object(body).ok_or(Problem::bad_request(
            "the body is not a JSON object with a message's members",
        ))?;
        // 64 code points take 64 bytes at least, so most ids need no counting.
        if message.id.is_empty() || (message.id.len() > 64 && message.id.chars().count() > 64) {
            return Err(Problem::bad_request("id must have 1 to 64 characters"));
        }
        if message.priority > 9 {
            return Err(Problem::bad_request("priority must be an integer from 0 to 9"));
        }
        if message.payload.get() == "null" {
            return Err(Problem::bad_request("payload must not be null"));
        }
        Ok(message)
    }
}

/// The attributes in the order they came; there are few, so a list is searched faster than a map is built.
#[derive(Debug)]
pub struct Attributes<'a>(Vec<(Cow<'a, str>, Cow<'a, str>)>);

impl Attributes<'_> {
    /// The value of an attribute.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(candidate, _)| candidate == name).map(|(_, value)| value.as_ref())
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Attributes<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct AttributesVisitor;

        impl<'de> Visitor<'de> for AttributesVisitor {
            type Value = Attributes<'de>;

            fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
                f.write_str("an object of strings")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut attributes = Vec::with_capacity(8);
                while let Some((Text(name), Text(value))) = map.next_entry()? {
                    attributes.push((name, value));
                }
                Ok(Attributes(attributes))
            }
        }

        deserializer.deserialize_map(AttributesVisitor)
    }
}

impl Serialize for Attributes<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(name, value)| (name, value)))
    }
}

/// Text that is borrowed where it can be; a bare `Cow` always copies.
#[derive(Deserialize)]
struct Text<'a>(#[serde(borrow)] Cow<'a, str>);
