//! Numbers in two bytes: the upper half of an `f32` (bfloat16), for what is kept in many copies and
//! need not be exact.

use crate::forecast::numbers::{self, Numbers};

/// `N` numbers of three digits.
#[derive(Debug, Clone, Copy)]
pub struct Compact<const N: usize>([u16; N]);

impl<const N: usize> Default for Compact<N> {
    fn default() -> Self {
        Self([0; N])
    }
}

impl<const N: usize> Compact<N> {
    /// Rounds each number towards zero.
    pub fn new(numbers: &[f32; N]) -> Self {
        Self(numbers.map(|x| (x.to_bits() >> 16) as u16))
    }

    /// The numbers as far as they are known.
    #[must_use]
    pub fn wide(&self) -> [f32; N] {
        self.0.map(|half| f32::from_bits(u32::from(half) << 16))
    }

    /// Walks its numbers, which are factors.
    pub fn walk(&mut self, to: &mut dyn Numbers) {
        let mut wide = self.wide();
        numbers::factors(to, &mut wide);
        *self = Self::new(&wide);
    }

    /// Walks errors of whatever sign, of which some may be absent.
    pub fn walk_some(&mut self, to: &mut dyn Numbers) {
        let mut wide = self.wide();
        numbers::forecasts(to, &mut wide);
        *self = Self::new(&wide);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_digits_are_kept() {
        let numbers = [1.0, -0.123_45, 3.0e-5, 987.65, 0.0];
        let wide = Compact::new(&numbers).wide();
        for (a, b) in numbers.iter().zip(wide) {
            assert!((a - b).abs() <= a.abs() / 128.0, "{a} {b}");
        }
        assert_eq!(size_of::<Compact<5>>(), 10);
    }
}
