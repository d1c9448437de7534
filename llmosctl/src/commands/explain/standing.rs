//! Who is behind a forecast, what it is worth, and whether its quantiles hold, in plain words.

use llmos_proto::status::{Coverage, Forecast};

use crate::units::{percent, plain};

/// One line each; none of what the agent does not tell.
pub fn lines(forecast: &Forecast) -> impl Iterator<Item = String> {
    [led(forecast), forecast.coverage.as_ref().map(covered)]
        .into_iter()
        .flatten()
}

/// `led by the model (62 % of it), 8.0 % better than the best simple rule`.
fn led(forecast: &Forecast) -> Option<String> {
    let driver = forecast.driver.as_deref()?;
    let share = forecast.model_share.filter(|share| *share > 0.0);
    let mut line = match (driver, share) {
        ("model", Some(share)) => format!("led by the model ({} of it)", share_of(share)),
        (_, Some(share)) => format!(
            "led by {} (the model has {} of it)",
            rule(driver),
            share_of(share)
        ),
        (_, None) => format!("led by {}", rule(driver)),
    };
    line.push_str(", ");
    line.push_str(&match forecast.skill {
        None => "too little is known to compare it with simple rules".to_owned(),
        Some(skill) => compared(skill),
    });
    if forecast.copier == Some(true) {
        line.push_str("; the model only repeats the last value and is not listened to");
    } else if let Some(skill) = forecast.model_skill {
        line.push_str(&format!("; the model alone {}", compared(skill)));
    }
    Some(line)
}

/// How much less it loses than the best simple rule.
fn compared(skill: f32) -> String {
    let percent = share_of(skill.abs());
    if skill < 0.0 {
        format!("{percent} worse than the best simple rule")
    } else {
        format!("{percent} better than the best simple rule")
    }
}

fn share_of(share: f32) -> String {
    percent(Some(f64::from(share)))
}

/// `of the last peaks 91 % came at or below the 90 % quantile, ...`.
fn covered(coverage: &Coverage) -> String {
    let quantiles = [
        ("50 %", coverage.q50),
        ("90 %", coverage.q90),
        ("95 %", coverage.q95),
        ("99 %", coverage.q99),
    ];
    let shares = quantiles.map(|(quantile, share)| {
        let share = format!("{:.1} %", share * 100.0);
        format!("{share} at {quantile}")
    });
    format!(
        "last peaks at or below each quantile: {}",
        shares.join(", ")
    )
}

/// A simple rule as people would call it.
fn rule(name: &str) -> String {
    match name {
        "model" | "model+errors" => "the model".to_owned(),
        "decayed-peaks" => "the newest peaks".to_owned(),
        "long-peaks" => "the peaks of the last thousand ticks".to_owned(),
        "last" => "the last value and what came above it".to_owned(),
        "recent-max" => "the maximum of the last twelve ticks".to_owned(),
        "ewma" => "the moving average".to_owned(),
        "season" => "this time of the day before".to_owned(),
        "ar12" => "a linear rule on twelve ticks".to_owned(),
        // A rule of a newer agent, which may be anything.
        other => plain(other),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(forecast: &Forecast) -> String {
        lines(forecast).collect::<Vec<_>>().join("\n")
    }

    #[test]
    fn an_agent_that_tells_nothing_gives_no_line() {
        assert_eq!(text(&Forecast::default()), "");
    }

    #[test]
    fn what_is_not_known_is_said_and_no_number_is_made_up() {
        let young = Forecast {
            driver: Some("recent-max".into()),
            model_share: Some(0.0),
            ..Forecast::default()
        };
        assert_eq!(
            text(&young),
            "led by the maximum of the last twelve ticks, \
             too little is known to compare it with simple rules"
        );
    }

    #[test]
    fn a_copier_is_named_and_a_bad_model_too() {
        let mut forecast = Forecast {
            driver: Some("ar12".into()),
            model_share: Some(0.0),
            skill: Some(0.015),
            model_skill: Some(-0.25),
            copier: Some(true),
            ..Forecast::default()
        };
        let copied = text(&forecast);
        assert!(copied.ends_with("only repeats the last value and is not listened to"));
        assert!(copied.contains("1.5 % better than the best simple rule"));
        forecast.copier = Some(false);
        assert!(text(&forecast).ends_with("the model alone 25 % worse than the best simple rule"));
    }

    #[test]
    fn a_rule_of_a_newer_agent_cannot_move_the_cursor() {
        let odd = Forecast {
            driver: Some("x\u{1b}[2J".into()),
            ..Forecast::default()
        };
        assert!(!text(&odd).contains('\u{1b}'));
    }
}
