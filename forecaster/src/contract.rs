//! The contract of a model, and the check that it is the one which the engine's features speak.

use std::fmt::Debug;
use std::path::Path;

use llmos_engine::forecast::{HORIZONS, QUANTILES, Resource, features};
use serde::Deserialize;

use crate::LoadError;
use crate::cells::{self, Output};
use crate::error::one_line;
use crate::windowed;

/// Longest window that is accepted, in ticks.
const MAX_WINDOW: usize = 1_024;
/// Widest recurrent state that is accepted, in numbers per row; bounds the memory of a batch.
const MAX_HIDDEN: usize = 16_384;

/// Versions of the contract of a windowed model. Versions differ in the features of streaming models
/// only: a window means the same in all of these.
const WINDOWED_VERSIONS: [u32; 2] = [1, 2];

/// `contract.json` beside a model, as far as a program needs it. Further fields (how the model
/// was trained) are for people.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct Contract {
    /// Version of the meaning of features and outputs.
    pub contract_version: u32,
    /// Name of the model for people.
    pub name: String,
    /// How the model is called.
    pub signature: Signature,
    /// SHA-256 of `model.onnx`, in hexadecimal.
    pub sha256: String,
    /// Streaming: numbers of recurrent state per row, for `h` and for `c`.
    #[serde(default)]
    pub hidden: usize,
    /// Windowed: ticks in a window, the newest last.
    #[serde(default)]
    pub window: usize,
    /// Features in the order of the input's columns: all of the engine's for a streaming model, some
    /// few for a windowed one.
    pub features: Vec<Feature>,
    /// Streaming: resources in the order of their flags among the features.
    #[serde(default)]
    pub resources: Vec<String>,
    /// How features are scaled.
    pub scaling: Scaling,
    /// Streaming: horizons of the outputs.
    #[serde(default)]
    pub horizons_ticks: Vec<usize>,
    /// Streaming: quantiles of the outputs.
    #[serde(default)]
    pub quantiles: Vec<f64>,
    /// Names of the outputs in the order of the columns.
    pub output_order: Vec<String>,
}

/// How a model is called.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Signature {
    /// `x, h, c -> y, h_next, c_next`: one tick, with the state carried along.
    Streaming,
    /// `[batch, window, features] -> [batch, outputs]`: the last ticks at once.
    Windowed,
}

/// One column of the input.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct Feature {
    /// Name, e.g. `ewma_fast`.
    pub name: String,
}

/// Constants of the features. A windowed model needs those of the scale only.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct Scaling {
    /// Ticks in which the scale of an idle series halves.
    pub half_life_ticks: f64,
    /// Smallest scale of each resource.
    pub floors: Floors,
    /// Weight of a new value in the fast moving average.
    #[serde(default)]
    pub alpha_fast: f64,
    /// Weight of a new value in the slow moving average.
    #[serde(default)]
    pub alpha_slow: f64,
    /// Values that the ring remembers.
    #[serde(default)]
    pub ring: usize,
    /// Lowest and highest value of a feature that is a size.
    #[serde(default)]
    pub clip: [f64; 2],
    /// Highest value of the scale's jump.
    #[serde(default)]
    pub scale_jump_max: f64,
}

/// Smallest scale of each resource, in its unit.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct Floors {
    /// Cores.
    pub cpu: f64,
    /// Bytes.
    pub memory: f64,
    /// Bytes per second.
    pub network: f64,
}

impl Contract {
    /// Reads a contract and checks it. `path` is named in errors.
    ///
    /// # Errors
    /// If the text is no contract, or speaks of other features or outputs than the engine's.
    pub fn parse(json: &[u8], path: &Path) -> Result<Self, LoadError> {
        let contract: Self = serde_json::from_slice(json).map_err(|error| LoadError::Contract {
            path: path.to_owned(),
            reason: one_line(&error.to_string()),
        })?;
        contract.check(path)?;
        Ok(contract)
    }

    /// Every number that the engine's code holds as well must be the same here.
    fn check(&self, path: &Path) -> Result<(), LoadError> {
        let check = Check { path };
        let one_line =
            (1..=200).contains(&self.name.len()) && !self.name.chars().any(char::is_control);
        check.holds("name", one_line, &self.name, "a name of one line")?;
        let digest = self.sha256.len() == 64 && self.sha256.bytes().all(|b| b.is_ascii_hexdigit());
        check.holds("sha256", digest, &self.sha256, "64 hexadecimal digits")?;

        self.check_scale(&check)?;
        match self.signature {
            Signature::Streaming => self.check_streaming(&check),
            Signature::Windowed => self.check_windowed(&check),
        }
    }

    fn check_streaming(&self, check: &Check) -> Result<(), LoadError> {
        check.same(
            "contract_version",
            &self.contract_version,
            &features::CONTRACT_VERSION,
        )?;
        self.check_scaling(check)?;
        let hidden = (1..=MAX_HIDDEN).contains(&self.hidden);
        check.holds(
            "hidden",
            hidden,
            &self.hidden,
            &format!("1 to {MAX_HIDDEN}"),
        )?;
        let names: Vec<&str> = self
            .features
            .iter()
            .map(|feature| feature.name.as_str())
            .collect();
        check.same("features", &names.as_slice(), &features::NAMES.as_slice())?;
        let resources: Vec<&str> = self.resources.iter().map(String::as_str).collect();
        let known = [Resource::Cpu, Resource::Memory, Resource::Network];
        check.same(
            "resources",
            &resources.as_slice(),
            &known.map(Resource::name).as_slice(),
        )?;
        check.same(
            "horizons_ticks",
            &self.horizons_ticks.as_slice(),
            &HORIZONS.as_slice(),
        )?;
        check.numbers("quantiles", &self.quantiles, &QUANTILES)?;
        let order = HORIZONS
            .iter()
            .flat_map(|h| QUANTILES.map(|q| format!("h{h}_q{q}")));
        check.same("output_order", &self.output_order, &order.collect())
    }

    fn check_windowed(&self, check: &Check) -> Result<(), LoadError> {
        check.holds(
            "contract_version",
            WINDOWED_VERSIONS.contains(&self.contract_version),
            &self.contract_version,
            &format!("one of {WINDOWED_VERSIONS:?}"),
        )?;
        check.holds(
            "window",
            (1..=MAX_WINDOW).contains(&self.window),
            &self.window,
            &format!("1 to {MAX_WINDOW}"),
        )?;
        let names: Vec<&str> = self.features.iter().map(|f| f.name.as_str()).collect();
        check.holds(
            "features",
            self.places().is_some(),
            &names,
            &format!("each once, of {:?}", windowed::FEATURES),
        )?;
        check.holds(
            "output_order",
            self.outputs().is_some(),
            &self.output_order,
            &format!("each once, of {:?}", cells::names()),
        )
    }

    /// Windowed: places of the features among the engine's, if a window may hold them, each once.
    pub(crate) fn places(&self) -> Option<Vec<usize>> {
        distinct(self.features.iter().map(|f| windowed::place(&f.name)))
    }

    /// Windowed: what the outputs mean, if they have names that mean something, each once.
    pub(crate) fn outputs(&self) -> Option<Vec<Output>> {
        distinct(self.output_order.iter().map(|name| name.parse().ok()))
    }

    /// The running scale, in whose units every model answers.
    fn check_scale(&self, check: &Check) -> Result<(), LoadError> {
        let known = [Resource::Cpu, Resource::Memory, Resource::Network];
        let Scaling { floors, .. } = &self.scaling;
        check.numbers(
            "scaling.floors (cpu, memory, network)",
            &[floors.cpu, floors.memory, floors.network],
            &known.map(features::floor),
        )?;
        check.number(
            "scaling.half_life_ticks",
            self.scaling.half_life_ticks,
            features::SCALE_HALF_LIFE_TICKS,
        )
    }

    fn check_scaling(&self, check: &Check) -> Result<(), LoadError> {
        let scaling = &self.scaling;
        check.number(
            "scaling.alpha_fast",
            scaling.alpha_fast,
            features::ALPHA_FAST,
        )?;
        check.number(
            "scaling.alpha_slow",
            scaling.alpha_slow,
            features::ALPHA_SLOW,
        )?;
        check.same("scaling.ring", &scaling.ring, &features::RING)?;
        check.numbers("scaling.clip", &scaling.clip, &[0.0, features::CLIP_HIGH])?;
        check.number(
            "scaling.scale_jump_max",
            scaling.scale_jump_max,
            features::SCALE_JUMP_MAX,
        )
    }
}

/// All of the items, if each is something and none comes twice, and there is one.
fn distinct<T: PartialEq>(items: impl Iterator<Item = Option<T>>) -> Option<Vec<T>> {
    let mut all: Vec<T> = Vec::new();
    for item in items {
        let item = item.filter(|item| !all.contains(item))?;
        all.push(item);
    }
    (!all.is_empty()).then_some(all)
}

/// Comparisons that end in an error with the file and the field.
struct Check<'a> {
    path: &'a Path,
}

impl Check<'_> {
    fn same<T: PartialEq + Debug>(
        &self,
        field: &'static str,
        found: &T,
        expected: &T,
    ) -> Result<(), LoadError> {
        self.holds(field, found == expected, found, &format!("{expected:?}"))
    }

    fn number(&self, field: &'static str, found: f64, expected: f64) -> Result<(), LoadError> {
        self.numbers(field, &[found], &[expected])
    }

    /// Numbers are the same if they agree as decimal text does: to twelve digits.
    fn numbers(
        &self,
        field: &'static str,
        found: &[f64],
        expected: &[f64],
    ) -> Result<(), LoadError> {
        let same = found.len() == expected.len()
            && found
                .iter()
                .zip(expected)
                .all(|(a, b)| (a - b).abs() <= 1e-12 * b.abs());
        self.holds(field, same, &found, &format!("{expected:?}"))
    }

    fn holds<T: Debug>(
        &self,
        field: &'static str,
        holds: bool,
        found: &T,
        expected: &str,
    ) -> Result<(), LoadError> {
        if holds {
            return Ok(());
        }
        Err(LoadError::Mismatch {
            path: self.path.to_owned(),
            field,
            found: format!("{found:?}").chars().take(200).collect(),
            expected: expected.to_owned(),
        })
    }
}
