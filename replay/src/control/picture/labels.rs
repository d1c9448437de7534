//! Names beside points, none upon another.

use plotters::style::RGBColor;

/// A name beside a point, in pixels of the picture.
pub struct Label {
    /// The name.
    pub text: String,
    /// Its colour.
    pub colour: RGBColor,
    /// Where it stands: left end and middle.
    pub at: (i32, i32),
}

/// Width of a letter at most, in pixels.
const LETTER_PX: i32 = 9;

/// Moves labels down until each is `line` pixels below every one that it would overlap.
pub fn spread(labels: &mut [Label], line: i32) {
    labels.sort_by_key(|label| (label.at.1, label.at.0));
    for at in 1..labels.len() {
        let (above, rest) = labels.split_at_mut(at);
        let Some(label) = rest.first_mut() else {
            return;
        };
        // Each move may meet another one; so many are enough.
        for _ in 0..above.len() {
            for other in above.iter() {
                if overlap(other, label) && (label.at.1 - other.at.1).abs() < line {
                    label.at.1 = other.at.1 + line;
                }
            }
        }
    }
}

fn overlap(a: &Label, b: &Label) -> bool {
    let width = |label: &Label| label.text.chars().count() as i32 * LETTER_PX;
    a.at.0 < b.at.0 + width(b) && b.at.0 < a.at.0 + width(a)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_at_one_place_stand_below_each_other_and_the_others_stay() {
        let label = |x, y| Label {
            text: "abc".to_owned(),
            colour: RGBColor(0, 0, 0),
            at: (x, y),
        };
        let mut labels = [label(10, 50), label(12, 50), label(11, 55), label(300, 52)];
        spread(&mut labels, 17);
        let mut found: Vec<_> = labels.iter().map(|l| l.at).collect();
        found.sort_unstable();
        assert_eq!(found, [(10, 50), (11, 84), (12, 67), (300, 52)]);
    }
}
