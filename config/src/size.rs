//! Sizes in a config file: `"64MiB"` or a number of bytes.

use std::fmt;

use serde::de::{Deserialize, Deserializer, Error, Visitor};

const UNITS: [(&str, u64); 5] = [
    ("KiB", 1 << 10),
    ("MiB", 1 << 20),
    ("GiB", 1 << 30),
    ("TiB", 1 << 40),
    ("B", 1),
];
const EXPECTED: &str = "a size such as \"64MiB\" (B, KiB, MiB, GiB, TiB) or a number of bytes";

/// A size in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Size(pub(crate) u64);

impl Size {
    /// `64MiB`, `64 MiB`, `1048576`.
    fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        let split = text
            .find(|letter: char| !letter.is_ascii_digit())
            .unwrap_or(text.len());
        let (number, unit) = text.split_at(split);
        let number: u64 = number.parse().ok()?;
        let unit = unit.trim();
        let factor = if unit.is_empty() {
            1
        } else {
            UNITS
                .into_iter()
                .find(|(name, _)| *name == unit)
                .map(|(_, factor)| factor)?
        };
        number.checked_mul(factor).map(Self)
    }
}

/// The bytes of a size such as `16GiB`.
///
/// # Errors
/// What was expected, when it is none.
pub fn bytes(text: &str) -> Result<u64, String> {
    let size = Size::parse(text).ok_or_else(|| format!("expected {EXPECTED}"));
    size.map(|size| size.0)
}

impl fmt::Display for Size {
    /// In the largest unit that divides it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let fits = |factor: u64| self.0 != 0 && self.0.is_multiple_of(factor);
        match UNITS[..4].iter().rev().find(|(_, factor)| fits(*factor)) {
            Some((unit, factor)) => write!(f, "\"{}{unit}\"", self.0 / factor),
            None => write!(f, "{}", self.0),
        }
    }
}

impl<'de> Deserialize<'de> for Size {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Text;
        impl Visitor<'_> for Text {
            type Value = Size;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(EXPECTED)
            }
            fn visit_i64<E: Error>(self, bytes: i64) -> Result<Size, E> {
                u64::try_from(bytes)
                    .map(Size)
                    .map_err(|_| E::custom(format!("{bytes} is negative, expected {EXPECTED}")))
            }
            fn visit_u64<E: Error>(self, bytes: u64) -> Result<Size, E> {
                Ok(Size(bytes))
            }
            fn visit_str<E: Error>(self, text: &str) -> Result<Size, E> {
                Size::parse(text)
                    .ok_or_else(|| E::custom(format!("{text:?} is no size, expected {EXPECTED}")))
            }
        }
        from.deserialize_any(Text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read_and_printed() {
        for (text, bytes, printed) in [
            ("64MiB", 64 << 20, "\"64MiB\""),
            ("2 GiB", 2 << 30, "\"2GiB\""),
            ("1536KiB", 1536 << 10, "\"1536KiB\""),
            ("100", 100, "100"),
            ("0", 0, "0"),
        ] {
            assert_eq!(Size::parse(text), Some(Size(bytes)));
            assert_eq!(Size(bytes).to_string(), printed);
        }
    }

    #[test]
    fn what_is_no_size_is_refused() {
        for text in ["", "MiB", "64MB", "-1", "1.5GiB", "99999999TiB"] {
            assert_eq!(Size::parse(text), None, "{text:?} passed");
        }
    }
}
