//! Bytes that numbers are taken out to and put back from, as simple as can be.

use llmos_engine::forecast::{Numbers, SeriesForecaster, SeriesKey};

/// All series of a forecaster, each with the bytes of its numbers.
pub fn take_out(series: &mut SeriesForecaster) -> Vec<(SeriesKey, Vec<u8>)> {
    let mut all = Vec::new();
    let mut last = None;
    while let Some(key) = series.next_key(last) {
        let mut out = Out::default();
        series.take_out(key, &mut out);
        assert!(!out.refused, "a living state is to be believed: {key:?}");
        all.push((key, out.bytes));
        last = Some(key);
    }
    all
}

/// Takes numbers out.
#[derive(Default)]
struct Out {
    bytes: Vec<u8>,
    refused: bool,
}

impl Numbers for Out {
    fn f32s(&mut self, numbers: &mut [f32]) {
        let bytes = numbers.iter().flat_map(|x| x.to_le_bytes());
        self.bytes.extend(bytes);
    }

    fn f64s(&mut self, numbers: &mut [f64]) {
        let bytes = numbers.iter().flat_map(|x| x.to_le_bytes());
        self.bytes.extend(bytes);
    }

    fn whole(&mut self, number: &mut u64) {
        self.bytes.extend(number.to_le_bytes());
    }

    fn puts_in(&self) -> bool {
        false
    }

    fn refuse(&mut self) {
        self.refused = true;
    }

    fn believed(&self) -> bool {
        !self.refused
    }
}

/// Puts numbers in.
pub struct In<'a> {
    bytes: &'a [u8],
    believed: bool,
}

impl<'a> In<'a> {
    pub fn new(bytes: &'a [u8]) -> Self {
        Self {
            bytes,
            believed: true,
        }
    }

    fn next<const N: usize>(&mut self) -> Option<[u8; N]> {
        let Some((first, rest)) = self.bytes.split_first_chunk::<N>() else {
            self.believed = false;
            return None;
        };
        self.bytes = rest;
        Some(*first)
    }
}

impl Numbers for In<'_> {
    fn f32s(&mut self, numbers: &mut [f32]) {
        for number in numbers {
            *number = self.next().map_or(*number, f32::from_le_bytes);
        }
    }

    fn f64s(&mut self, numbers: &mut [f64]) {
        for number in numbers {
            *number = self.next().map_or(*number, f64::from_le_bytes);
        }
    }

    fn whole(&mut self, number: &mut u64) {
        *number = self.next().map_or(*number, u64::from_le_bytes);
    }

    fn puts_in(&self) -> bool {
        true
    }

    fn refuse(&mut self) {
        self.believed = false;
    }

    fn believed(&self) -> bool {
        self.believed
    }
}
