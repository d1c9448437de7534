//! The columns of numbers: one for each number of the status JSON's `Usage` and `Limits`.

use std::borrow::Cow;

use arrow_schema::{DataType, Field, Metadata};
use llmos_proto::status::FIELDS;

/// Which object of the status JSON a number comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Object {
    /// Use over the tick.
    Usage,
    /// Limits in force.
    Limits,
}

/// A column of numbers. Each is a nullable `Float64`: exact for whole numbers up to 2^53, which is
/// also what JSON promises.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Column {
    /// Name in the file: the field's name, with `limit_` before it for a limit.
    pub name: Cow<'static, str>,
    /// Unit, e.g. `bytes`.
    pub unit: Cow<'static, str>,
    /// What it tells.
    pub meaning: Cow<'static, str>,
}

const LIMIT: &str = "limit_";
const UNIT: &str = "unit";
const MEANING: &str = "meaning";

impl Object {
    fn named(object: &str) -> Option<Self> {
        match object {
            "Usage" => Some(Self::Usage),
            "Limits" => Some(Self::Limits),
            _ => None,
        }
    }

    /// Name of the column for the field `field` of this object.
    pub fn column(self, field: &str) -> Cow<'_, str> {
        match self {
            Self::Usage => Cow::Borrowed(field),
            Self::Limits => Cow::Owned(format!("{LIMIT}{field}")),
        }
    }
}

impl Column {
    /// All columns of this release, in the order of the table of fields. A field with a unit is a
    /// number; one without is text, a flag, a list or an object.
    pub fn all() -> Vec<Self> {
        FIELDS
            .iter()
            .filter(|field| !field.unit.is_empty())
            .filter_map(|field| {
                let name = match Object::named(&field.object)? {
                    Object::Usage => field.name.clone(),
                    Object::Limits => Cow::Owned(format!("{LIMIT}{}", field.name)),
                };
                Some(Self {
                    name,
                    unit: field.unit.clone(),
                    meaning: field.meaning.clone(),
                })
            })
            .collect()
    }

    /// Where it comes from: the object and the name of the field there.
    pub fn source(&self) -> (Object, &str) {
        match self.name.strip_prefix(LIMIT) {
            Some(field) => (Object::Limits, field),
            None => (Object::Usage, &self.name),
        }
    }

    pub(crate) fn field(&self) -> Field {
        let metadata: Metadata = [(UNIT, &self.unit), (MEANING, &self.meaning)]
            .into_iter()
            .map(|(key, text)| (key.to_owned(), text.to_string()))
            .collect();
        Field::new(self.name.as_ref(), DataType::Float64, true).with_metadata(metadata)
    }

    /// The column that a field of a file holds, if it is one of numbers.
    pub(crate) fn of(field: &Field) -> Option<Self> {
        let text = |key| Cow::Owned(field.metadata().get(key).cloned().unwrap_or_default());
        matches!(field.data_type(), DataType::Float64).then(|| Self {
            name: Cow::Owned(field.name().clone()),
            unit: text(UNIT),
            meaning: text(MEANING),
        })
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use llmos_proto::status::{Limits, Usage};

    use super::*;

    fn numbers(object: &impl serde::Serialize) -> BTreeSet<String> {
        let json = serde_json::to_value(object).unwrap();
        let fields = json.as_object().unwrap();
        let numeric = |value: &serde_json::Value| value.is_null() || value.is_number();
        let names = fields.iter().filter(|(_, value)| numeric(value));
        names.map(|(name, _)| name.clone()).collect()
    }

    #[test]
    fn every_number_of_usage_and_limits_has_one_column_with_a_unit() {
        let columns = Column::all();
        let of = |wanted| -> BTreeSet<String> {
            let sources = columns.iter().map(Column::source);
            let here = sources.filter(|(object, _)| *object == wanted);
            here.map(|(_, field)| field.to_owned()).collect()
        };
        assert_eq!(of(Object::Usage), numbers(&Usage::default()));
        assert_eq!(of(Object::Limits), numbers(&Limits::default()));

        let mut names: BTreeSet<&str> = columns.iter().map(|c| c.name.as_ref()).collect();
        assert_eq!(names.len(), columns.len(), "each name once");
        for key in ["at_unix_ms", "workload", "cgroup"] {
            assert!(names.insert(key), "{key} is taken");
        }
        assert!(
            columns
                .iter()
                .all(|c| !c.unit.is_empty() && !c.meaning.is_empty())
        );
    }

    #[test]
    fn a_column_survives_the_schema() {
        for column in Column::all() {
            assert_eq!(Column::of(&column.field()), Some(column));
        }
        assert_eq!(Column::of(&Field::new("note", DataType::Utf8, true)), None);
    }
}
