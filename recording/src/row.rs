//! From numbers with names back to an object of the status JSON.

use serde::de::value::{Error, MapDeserializer};
use serde::de::{Deserialize, Deserializer, IntoDeserializer, Visitor};
use serde::forward_to_deserialize_any;

/// The object that has these numbers in its fields. A number that does not fit its field, which only
/// a foreign file can hold, leaves the whole object unknown.
pub fn object<'a, T>(numbers: impl Iterator<Item = (&'a str, f64)>) -> T
where
    T: Default + Deserialize<'a>,
{
    let numbers = numbers.map(|(name, value)| (name, Number(value)));
    T::deserialize(MapDeserializer::<_, Error>::new(numbers)).unwrap_or_default()
}

#[derive(Clone, Copy)]
struct Number(f64);

impl IntoDeserializer<'_, Error> for Number {
    type Deserializer = Self;

    fn into_deserializer(self) -> Self {
        self
    }
}

/// Whole numbers of this size and below are exact in an `f64`.
const EXACT: f64 = 9_007_199_254_740_992.0;

impl<'de> Deserializer<'de> for Number {
    type Error = Error;

    /// Whole numbers as such: a field of `f64` takes them too, one of `u64` takes nothing else.
    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        if self.0.fract() == 0.0 && (0.0..=EXACT).contains(&self.0) && !self.0.is_sign_negative() {
            visitor.visit_u64(self.0 as u64)
        } else {
            visitor.visit_f64(self.0)
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_some(self)
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf unit
        unit_struct newtype_struct seq tuple tuple_struct map struct enum identifier ignored_any
    }
}

#[cfg(test)]
mod tests {
    use llmos_proto::status::Usage;

    use super::*;

    #[test]
    fn fields_that_are_not_given_stay_unknown() {
        let usage: Usage =
            object([("cpu_cores", 2.0), ("oom_kills", 3.0), ("new", 1.0)].into_iter());
        let wanted = Usage {
            cpu_cores: Some(2.0),
            oom_kills: Some(3),
            ..Usage::default()
        };
        assert_eq!(usage, wanted);
    }

    #[test]
    fn a_number_that_does_not_fit_is_unknown() {
        let usage: Usage = object([("oom_kills", 0.5)].into_iter());
        assert_eq!(usage, Usage::default());
    }
}
