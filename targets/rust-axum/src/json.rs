//! JSON objects that must be objects: derived structs would also accept an array of their fields.

use std::{fmt, marker::PhantomData};

use serde::de::{
    Deserialize, Deserializer, IgnoredAny, MapAccess, Visitor, value::MapAccessDeserializer,
};

/// A `T` written as a JSON object, never as an array.
#[derive(Debug)]
pub struct Object<T>(pub T);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Object<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct ObjectVisitor<T>(PhantomData<T>);

        impl<'de, T: Deserialize<'de>> Visitor<'de> for ObjectVisitor<T> {
            type Value = Object<T>;

            fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
                T::deserialize(MapAccessDeserializer::new(map)).map(Object)
            }
        }

        deserializer.deserialize_map(ObjectVisitor(PhantomData))
    }
}

/// Whether a member was there at all, whatever its value, `null` included.
#[derive(Debug, Default)]
pub struct Present(pub bool);

impl<'de> Deserialize<'de> for Present {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        IgnoredAny::deserialize(deserializer).map(|_| Self(true))
    }
}

/// Reads one JSON object that fills `bytes` whole and is UTF-8 throughout, also where its members are skipped;
/// `None` if it is anything else.
#[must_use]
pub fn object<'a, T: Deserialize<'a>>(bytes: &'a [u8]) -> Option<T> {
    let text = simdutf8::basic::from_utf8(bytes).ok()?;
    serde_json::from_str::<Object<T>>(text).ok().map(|object| object.0)
}
