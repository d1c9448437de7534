//! Labels of the series. Only values that stay few or leave with their workload: no container ids, no
//! causes, no times.

use std::fmt;

use prometheus_client::encoding::{EncodeLabel, EncodeLabelSet, LabelSetEncoder};

/// Up to three labels with borrowed values; an empty name ends the list.
#[derive(Clone, Copy)]
pub struct Labels<'a>(pub [(&'static str, &'a str); 3]);

impl<'a> Labels<'a> {
    /// No labels.
    pub const NONE: Self = Self([("", ""); 3]);

    /// One label.
    pub fn one(name: &'static str, value: &'a str) -> Self {
        Self([(name, value), ("", ""), ("", "")])
    }

    /// Two labels.
    pub fn two(first: (&'static str, &'a str), second: (&'static str, &'a str)) -> Self {
        Self([first, second, ("", "")])
    }
}

impl EncodeLabelSet for Labels<'_> {
    fn encode(&self, encoder: &mut LabelSetEncoder) -> Result<(), fmt::Error> {
        let used = self.0.iter().filter(|(name, _)| !name.is_empty());
        used.copied()
            .try_for_each(|label| EncodeLabel::encode(&label, encoder.encode_label()))
    }
}
