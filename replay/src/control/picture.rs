//! A picture of each family: slack against stall, LLMOS's frontier as a line, rivals as named points.

mod labels;
mod scale;

use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use super::score::{Family, Figures};
use super::{LLMOS, WITHOUT_MODEL};
use labels::Label;
use llmos_engine::forecast::Resource;

const SIZE: (u32, u32) = (960, 640);
/// What lies between two labels at least, in pixels.
const LINE_PX: i32 = 17;
/// From a point to its label.
const BESIDE_PX: i32 = 9;
const FONT: &str = "sans-serif";
const LLMOS_COLOUR: RGBColor = RGBColor(0, 90, 181);
const PLAIN_COLOUR: RGBColor = RGBColor(120, 150, 190);
const RIVAL_COLOUR: RGBColor = RGBColor(196, 78, 20);
const TEXT_COLOUR: RGBColor = RGBColor(40, 40, 40);
/// Percent: less than this is drawn as this, on both axes.
const LEAST_STALL: f64 = 0.01;
const LEAST_SLACK: f64 = 1.0;

/// Why there is no picture: the canvas refused.
#[derive(Debug, thiserror::Error)]
#[error("the picture cannot be drawn: {0}")]
pub struct PictureError(String);

/// A point in percent: stall and slack, each at least what can be drawn.
type Point = (f64, f64);

fn point(figures: &Figures) -> Option<Point> {
    let (stall, slack) = (figures.stall_share?, figures.slack_ratio?);
    let drawn = (100.0 * stall, 100.0 * slack);
    (drawn.0.is_finite() && drawn.1.is_finite())
        .then(|| (drawn.0.max(LEAST_STALL), drawn.1.max(LEAST_SLACK)))
}

/// The picture of a family as SVG.
///
/// # Errors
/// If the canvas refuses, which a string has no reason to.
pub fn svg(family: &Family) -> Result<String, PictureError> {
    let mut text = String::new();
    draw(&mut text, family).map_err(|error| PictureError(error.to_string()))?;
    Ok(text)
}

fn draw(text: &mut String, family: &Family) -> Result<(), Box<dyn std::error::Error>> {
    let named: Vec<(&str, &Figures, Point)> = family
        .controllers
        .iter()
        .filter_map(|c| Some((c.name, &c.figures, point(&c.figures)?)))
        .collect();
    let lines = family.frontiers.each_ref().map(|points| {
        let drawn: Vec<Point> = points.iter().filter_map(point).collect();
        drawn
    });
    let all = named.iter().map(|(_, _, at)| *at);
    let all: Vec<Point> = all.chain(lines.iter().flatten().copied()).collect();
    let x = scale::decades(all.iter().map(|p| p.0), LEAST_STALL);
    let y = scale::decades(all.iter().map(|p| p.1), LEAST_SLACK);

    let root = SVGBackend::with_string(text, SIZE).into_drawing_area();
    root.fill(&WHITE)?;
    let title = format!(
        "{}: slack against stall, mean of {} series",
        family.label(),
        family.series
    );
    let mut chart = ChartBuilder::on(&root)
        .caption(title, (FONT, 22).into_font().color(&TEXT_COLOUR))
        .margin(16)
        .margin_right(150)
        .x_label_area_size(52)
        .y_label_area_size(76)
        .build_cartesian_2d(x.log_scale(), y.log_scale())?;
    let stalled = match family.resource {
        Resource::Memory => "time stalled for memory or killed, %",
        Resource::Cpu | Resource::Network => "time with work waiting, %",
    };
    chart
        .configure_mesh()
        .light_line_style(RGBColor(245, 245, 245))
        .bold_line_style(RGBColor(222, 222, 222))
        .axis_desc_style((FONT, 16).into_font().color(&TEXT_COLOUR))
        .label_style((FONT, 14).into_font().color(&TEXT_COLOUR))
        .x_desc(stalled)
        .y_desc("slack: limit less use, % of use")
        .x_label_formatter(&|x| scale::percent(*x, LEAST_STALL))
        .y_label_formatter(&|y| scale::percent(*y, LEAST_SLACK))
        .draw()?;
    let [with, without] = lines;
    for (line, colour) in [(without, PLAIN_COLOUR), (with, LLMOS_COLOUR)] {
        chart.draw_series(LineSeries::new(
            line.iter().copied(),
            colour.stroke_width(2),
        ))?;
        let dots = line.iter().map(|at| Circle::new(*at, 2, colour.filled()));
        chart.draw_series(dots)?;
    }
    let mut labels = Vec::new();
    for (name, figures, at) in named {
        let (colour, size) = match name {
            LLMOS => (LLMOS_COLOUR, 6),
            WITHOUT_MODEL => (PLAIN_COLOUR, 5),
            _ => (RIVAL_COLOUR, 5),
        };
        chart.draw_series([Circle::new(at, size, colour.filled())])?;
        let kills = match figures.kills {
            0 => String::new(),
            1 => " (1 kill)".to_owned(),
            many => format!(" ({many} kills)"),
        };
        labels.push(Label {
            text: format!("{name}{kills}"),
            colour,
            at: chart.backend_coord(&at),
        });
    }
    labels::spread(&mut labels, LINE_PX);
    let anchor = Pos::new(HPos::Left, VPos::Center);
    for label in labels {
        let style = (FONT, 15).into_font().color(&label.colour).pos(anchor);
        let (x, y) = label.at;
        root.draw(&Text::new(label.text, (x + BESIDE_PX, y), style))?;
    }
    root.present()?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::score::Controller;
    use super::*;

    fn figures(stall: f64, slack: f64, kills: u64) -> Figures {
        Figures {
            slack_ratio: Some(slack),
            stall_share: Some(stall),
            kills,
            ..Figures::default()
        }
    }

    #[test]
    fn every_controller_has_its_name_and_what_is_unknown_is_left_out() {
        let controller = |name, figures| Controller { name, figures };
        let family = Family {
            name: "<a & b>".into(),
            resource: Resource::Memory,
            series: 3,
            controllers: vec![
                controller(LLMOS, figures(0.0, 0.2, 0)),
                controller("vpa", figures(0.03, 0.9, 2)),
                controller("senpai", figures(f64::NAN, 0.9, 0)),
            ],
            frontiers: [vec![figures(0.0, 0.5, 0), figures(0.2, 0.1, 0)], Vec::new()],
        };
        let drawn = svg(&family).unwrap();
        assert!(drawn.starts_with("<svg") && drawn.trim_end().ends_with("</svg>"));
        for part in ["\nvpa (2 kills)\n", "\nllmos\n", "&lt;a &amp; b&gt;/memory"] {
            assert!(drawn.contains(part), "{part:?} is not in\n{drawn}");
        }
        assert!(!drawn.contains("senpai") && !drawn.contains("NaN"));
        let empty = Family {
            controllers: Vec::new(),
            frontiers: [Vec::new(), Vec::new()],
            ..family
        };
        assert!(svg(&empty).unwrap().contains("</svg>"));
    }
}
