//! Puts file, environment and flags on top of each other, and remembers where each key came from.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use serde::Deserialize as _;
use toml::de::{DeTable, DeValue};
use toml::{Spanned, Table, Value};

use crate::cli::Cli;
use crate::error::ConfigError;
use crate::keys;
use crate::origin::{Origin, Origins};
use crate::raw::Raw;

/// Read if it exists and no other file is named.
const DEFAULT_FILE: &str = "/etc/llmos/agent.toml";
const PREFIX: &str = "LLMOS_";
/// Names the config file.
const CONFIG_VARIABLE: &str = "LLMOS_CONFIG";
/// Settings of the coordinator and of LLMOS's own tests, which may share the agent's environment.
const NOT_OURS: [&str; 4] = [
    "LLMOS_COORDINATOR_GRPC",
    "LLMOS_COORDINATOR_HTTP",
    "LLMOS_COORDINATOR_LOG",
    "LLMOS_REQUIRE_BPF",
];

/// The settings of all layers, and where they came from.
pub(crate) fn read(
    cli: &Cli,
    env: impl IntoIterator<Item = (OsString, OsString)>,
) -> Result<(Raw, Origins), ConfigError> {
    let mut origins = Origins::default();
    let (variables, config_variable) = variables(env)?;
    let mut table = Table::new();
    if let Some((path, text)) = file_text(cli, config_variable)? {
        table = file(&path, &text, &mut origins)?;
    }
    for (key, name, value) in variables {
        let origin = Origin::Env(name);
        set(&mut table, &key, typed(&key, &value, &origin)?);
        origins.set(key, origin);
    }
    for (key, flag, value) in cli.settings() {
        let origin = Origin::Flag(flag);
        set(&mut table, key, typed(key, &value, &origin)?);
        origins.set(key, origin);
    }
    // Each layer fitted by itself, so the sum does.
    let raw = Raw::deserialize(table).map_err(|error| ConfigError::Value {
        origin: Origin::Default,
        value: "all settings together".to_owned(),
        message: one_line(error.message()),
    })?;
    Ok((raw, origins))
}

fn file_text(
    cli: &Cli,
    variable: Option<PathBuf>,
) -> Result<Option<(PathBuf, String)>, ConfigError> {
    let named = cli.config.clone().or(variable);
    let path = named.clone().unwrap_or_else(|| PathBuf::from(DEFAULT_FILE));
    match std::fs::read_to_string(&path) {
        Ok(text) => Ok(Some((path, text))),
        Err(error) if named.is_none() && error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(source) => Err(ConfigError::Read { path, source }),
    }
}

/// Checks every key of the file, notes its line, and checks the types.
fn file(path: &Path, text: &str, origins: &mut Origins) -> Result<Table, ConfigError> {
    let mut errors = Vec::new();
    let table = whole_file(path, text, origins, &mut errors);
    match (errors.into_iter().next(), table) {
        (None, Some(table)) => Ok(table),
        (Some(error), _) => Err(error),
        (None, None) => Ok(Table::new()),
    }
}

/// All that is wrong with keys and types; the table when there is nothing.
pub(crate) fn whole_file(
    path: &Path,
    text: &str,
    origins: &mut Origins,
    errors: &mut Vec<ConfigError>,
) -> Option<Table> {
    let syntax = |error: &toml::de::Error| ConfigError::Syntax {
        path: path.to_owned(),
        line: line_at(text, error.span().map_or(0, |span| span.start)),
        message: one_line(error.message()),
    };
    let parsed = DeTable::parse(text).map_err(|error| errors.push(syntax(&error)));
    let parsed = parsed.ok()?;
    let mut keys = Keys {
        path,
        text,
        origins,
        errors,
    };
    keys.table(parsed.get_ref(), "", "");
    if !errors.is_empty() {
        return None;
    }
    let typed = toml::from_str::<Raw>(text).and_then(|_| toml::from_str(text));
    typed.map_err(|error| errors.push(syntax(&error))).ok()
}

struct Keys<'a> {
    path: &'a Path,
    text: &'a str,
    origins: &'a mut Origins,
    errors: &'a mut Vec<ConfigError>,
}

impl Keys<'_> {
    /// `place` is where the keys of the table are looked up, `prefix` what they are called.
    fn table(&mut self, table: &DeTable<'_>, place: &str, prefix: &str) {
        let known = keys::known_at(place);
        for (key, value) in table {
            let line = line_at(self.text, key.span().start);
            let name = key.get_ref().as_ref();
            let full = format!("{prefix}{name}");
            if !known.contains(&name) {
                let nearest = keys::nearest(name, known.iter().copied()).map(str::to_owned);
                self.errors.push(ConfigError::UnknownKey {
                    path: self.path.to_owned(),
                    line,
                    key: full,
                    nearest,
                });
                continue;
            }
            self.value(value, name, place, &full);
            self.origins.set(
                full,
                Origin::File {
                    path: self.path.to_owned(),
                    line,
                },
            );
        }
    }

    fn value(&mut self, value: &Spanned<DeValue<'_>>, name: &str, place: &str, full: &str) {
        match value.get_ref() {
            DeValue::Table(inner) if place.is_empty() => {
                self.table(inner, name, &format!("{full}."));
            }
            DeValue::Array(rules) if place.is_empty() && name == keys::WORKLOADS => {
                for (at, rule) in rules.iter().enumerate() {
                    if let DeValue::Table(inner) = rule.get_ref() {
                        self.table(inner, name, &format!("{full}[{at}]."));
                    }
                }
            }
            _ => {}
        }
    }
}

/// The variables that are settings (key, name, value), and the one that names the file.
type Variables = (Vec<(String, String, String)>, Option<PathBuf>);

fn variables(
    env: impl IntoIterator<Item = (OsString, OsString)>,
) -> Result<Variables, ConfigError> {
    let names: Vec<(String, String)> = keys::scalars()
        .map(|key| (variable_name(&key), key))
        .collect();
    let mut found = Vec::new();
    let mut config = None;
    for (name, value) in env {
        let Some(name) = name.to_str().filter(|name| name.starts_with(PREFIX)) else {
            continue;
        };
        if name == CONFIG_VARIABLE {
            config = Some(PathBuf::from(value));
            continue;
        }
        if NOT_OURS.contains(&name) || is_service_link(name) {
            continue;
        }
        let Some((_, key)) = names.iter().find(|(known, _)| known == name) else {
            let known = names
                .iter()
                .map(|(known, _)| known.as_str())
                .chain([CONFIG_VARIABLE]);
            let nearest = keys::nearest(name, known).map(str::to_owned);
            return Err(ConfigError::UnknownVariable {
                name: name.to_owned(),
                nearest,
            });
        };
        let value = value.into_string().map_err(|value| ConfigError::Value {
            origin: Origin::Env(name.to_owned()),
            value: value.to_string_lossy().into_owned(),
            message: "expected UTF-8".to_owned(),
        })?;
        found.push((key.clone(), name.to_owned(), value));
    }
    found.sort();
    Ok((found, config))
}

/// Kubernetes describes each service of a namespace to its pods in such variables: a service named
/// llmos-coordinator gives `LLMOS_COORDINATOR_PORT_7781_TCP_ADDR` and more.
fn is_service_link(name: &str) -> bool {
    name.ends_with("_SERVICE_HOST")
        || name.contains("_SERVICE_PORT")
        || name.ends_with("_PORT")
        || name
            .split_once("_PORT_")
            .is_some_and(|(_, rest)| rest.starts_with(|first: char| first.is_ascii_digit()))
}

/// `model.dir` is `LLMOS_MODEL_DIR`.
fn variable_name(key: &str) -> String {
    format!("{PREFIX}{}", key.replace('.', "_").to_uppercase())
}

/// A text as the type that its key wants.
fn typed(key: &str, text: &str, origin: &Origin) -> Result<Value, ConfigError> {
    let guesses = [
        text.parse().ok().map(Value::Integer),
        text.parse().ok().map(Value::Float),
        text.parse().ok().map(Value::Boolean),
        Some(Value::String(text.to_owned())),
    ];
    let mut message = String::new();
    for value in guesses.into_iter().flatten() {
        let mut alone = Table::new();
        set(&mut alone, key, value.clone());
        match Raw::deserialize(alone) {
            Ok(_) => return Ok(value),
            Err(error) => message = one_line(error.message()),
        }
    }
    Err(ConfigError::Value {
        origin: origin.clone(),
        value: text.to_owned(),
        message,
    })
}

fn set(table: &mut Table, key: &str, value: Value) {
    match key.split_once('.') {
        None => drop(table.insert(key.to_owned(), value)),
        Some((section, rest)) => {
            let inner = table
                .entry(section)
                .or_insert_with(|| Value::Table(Table::new()));
            if let Value::Table(inner) = inner {
                set(inner, rest, value);
            }
        }
    }
}

fn line_at(text: &str, byte: usize) -> usize {
    let before = text.as_bytes().get(..byte).unwrap_or_default();
    1 + before.iter().filter(|byte| **byte == b'\n').count()
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}
