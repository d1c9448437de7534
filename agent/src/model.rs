//! The model that forecasts: found, loaded, and named when it cannot be.

use llmos_engine::forecast::Model as _;
use llmos_forecaster::TractModel;

use crate::config::Model;
use crate::probes::ProbeHealth;

const NAME: &str = "model";
/// Loads the model, or says why the baseline forecasts alone.
#[must_use]
pub fn load(config: &Model) -> (Option<TractModel>, ProbeHealth) {
    if !config.enabled {
        return (None, ProbeHealth::off(NAME));
    }
    let Some(dir) = config.find() else {
        let cause = format!(
            "no model in {}; the baseline forecasts",
            Model::SEARCH.join(" or ")
        );
        return (None, ProbeHealth::degraded(NAME, cause));
    };
    match TractModel::load(&dir) {
        Ok(model) => {
            let what = format!("{} from {}", model.name(), dir.display());
            (Some(model), ProbeHealth::healthy(NAME, what))
        }
        Err(error) => (
            None,
            ProbeHealth::degraded(NAME, format!("{error}; the baseline forecasts")),
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::probes::Health;

    #[test]
    fn an_unreadable_model_is_a_named_state() {
        let dir = tempfile::tempdir().unwrap();
        let (model, health) = load(&Model {
            dir: Some(dir.path().to_owned()),
            enabled: true,
        });
        assert!(model.is_none());
        assert_eq!(health.state, Health::Degraded);
        assert!(
            health.cause.contains(&dir.path().display().to_string()),
            "{}",
            health.cause
        );
        assert!(health.cause.contains("baseline"), "{}", health.cause);
    }

    #[test]
    fn a_model_that_is_switched_off_is_not_looked_for() {
        assert_eq!(
            load(&Model {
                dir: None,
                enabled: false
            })
            .1
            .state,
            Health::Off
        );
    }
}
