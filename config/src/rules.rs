//! Which policy a cgroup gets, and whether its limits may be written.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use globset::{GlobBuilder, GlobMatcher};
use llmos_engine::policy::{Policy, Preset};

use crate::error::ConfigError;
use crate::origin::Origins;
use crate::policy::RawPolicy;
use crate::preset;
use crate::raw::RawWorkload;

/// Paths remembered at most; a node has some hundred cgroups.
const CACHE: usize = 8192;

/// One `[[workload]]` rule.
#[derive(Debug, Clone)]
pub struct Rule {
    /// The glob on the cgroup path, as written.
    pub pattern: String,
    /// May the limits of what it matches be written?
    pub enforce: bool,
    /// What the rule begins from, if not from `[policy]`.
    pub preset: Option<Preset>,
    /// The policy with the rule's overrides.
    pub policy: Policy,
    glob: GlobMatcher,
}

/// The rules in their order, and the policy of what none of them matches.
#[derive(Debug)]
pub struct Rules {
    base_preset: Preset,
    base: Policy,
    rules: Vec<Rule>,
    /// Index of the first matching rule, by path.
    cache: Mutex<HashMap<String, Option<usize>>>,
}

impl Rules {
    /// The rules, as far as they are right; what is wrong with them goes to `errors`.
    pub(crate) fn new(
        base: &RawPolicy,
        raw: &[RawWorkload],
        origins: &Origins,
        errors: &mut Vec<ConfigError>,
    ) -> Self {
        let base_preset = base.preset("policy", origins, errors).unwrap_or_default();
        let standard = preset::policy(base_preset);
        let base = base.over(&standard, "policy", origins, errors);
        let rules = raw
            .iter()
            .enumerate()
            .filter_map(|(at, raw)| rule(at, raw, &base, origins, errors));
        Self {
            base_preset,
            rules: rules.collect(),
            base: base.clone(),
            cache: Mutex::default(),
        }
    }

    /// The preset that `[policy]` begins from.
    #[must_use]
    pub fn base_preset(&self) -> Preset {
        self.base_preset
    }

    /// The policy of `[policy]`.
    #[must_use]
    pub fn base(&self) -> &Policy {
        &self.base
    }

    /// All rules in their order.
    #[must_use]
    pub fn all(&self) -> &[Rule] {
        &self.rules
    }

    /// The policy of a cgroup and whether its limits may be written (in mode `enforce`). The
    /// first matching rule wins; without one the cgroup is only observed. The root of the
    /// hierarchy (an empty path) has no limits, so no rule matches it.
    pub fn policy_for(&self, cgroup_path: &str) -> (&Policy, bool) {
        let rule = self
            .first_match(cgroup_path)
            .and_then(|at| self.rules.get(at));
        rule.map_or((&self.base, false), |rule| (&rule.policy, rule.enforce))
    }

    fn first_match(&self, path: &str) -> Option<usize> {
        let mut cache = self.cache.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = cache.get(path) {
            return *known;
        }
        let matches = |rule: &Rule| !path.is_empty() && rule.glob.is_match(path);
        let found = self.rules.iter().position(matches);
        if cache.len() >= CACHE {
            cache.clear();
        }
        cache.insert(path.to_owned(), found);
        found
    }
}

/// A rule; `None` when its pattern is none.
fn rule(
    at: usize,
    raw: &RawWorkload,
    base: &Policy,
    origins: &Origins,
    errors: &mut Vec<ConfigError>,
) -> Option<Rule> {
    let place = format!("workload[{at}]");
    let preset = raw.policy.preset(&place, origins, errors);
    let from = preset.map(preset::policy);
    let mut policy = raw
        .policy
        .over(from.as_ref().unwrap_or(base), &place, origins, errors);
    // What one rule matches is alike.
    policy.canary = raw
        .canary
        .filter(|canary| *canary)
        .and_then(|_| u32::try_from(at).ok());
    let pattern = raw.pattern.trim_start_matches('/');
    let glob = GlobBuilder::new(pattern).literal_separator(true).build();
    let glob = glob.map_err(|error| {
        let key = format!("{place}.match");
        let origin = origins.of(&key).clone();
        let expected = format!(
            "a glob such as \"system.slice/*.service\" ({})",
            error.kind()
        );
        ConfigError::Invalid {
            key,
            value: format!("{:?}", raw.pattern),
            origin,
            expected,
        }
    });
    match glob {
        Ok(glob) => Some(Rule {
            pattern: raw.pattern.clone(),
            enforce: raw.enforce.unwrap_or(false),
            preset,
            policy,
            glob: glob.compile_matcher(),
        }),
        Err(error) => {
            errors.push(error);
            None
        }
    }
}
