//! The numbers of a state one after the other, so that one walk both takes them out and puts them
//! back, and neither can forget one that the other knows.
//!
//! What is put back may come from a damaged file: each walk says what must be true of its numbers,
//! so that no later step overflows or divides by nothing.

/// Version of which numbers a walk visits, in which order, and what they mean.
pub const LAYOUT: u64 = 2;

/// Takes numbers out of a state, or puts them in.
pub trait Numbers {
    /// The next numbers.
    fn f32s(&mut self, numbers: &mut [f32]);
    /// The next numbers.
    fn f64s(&mut self, numbers: &mut [f64]);
    /// The next number, mostly a small one.
    fn whole(&mut self, number: &mut u64);
    /// Are numbers put in?
    fn puts_in(&self) -> bool;
    /// What was put in is not to be believed.
    fn refuse(&mut self);
    /// Is what was put in so far to be believed? Always so when numbers are taken out.
    fn believed(&self) -> bool;
}

/// The largest value of a series that is believed, in its unit: an exabyte.
pub const LARGEST: f64 = 1e18;
/// The largest forecast or error, and the largest factor.
const LARGEST_ERROR: f64 = 1e24;
const LARGEST_FACTOR: f64 = 1e6;
/// The largest count: whole in an `f64`, and a day's worth of buckets fits above it.
const LARGEST_COUNT: u64 = 1 << 48;

/// Values of a series.
pub fn values(numbers: &mut dyn Numbers, them: &mut [f64]) {
    numbers.f64s(them);
    hold(numbers, them.iter().all(|x| (0.0..=LARGEST).contains(x)));
}

/// Values of a series in 24 bits.
pub fn short_values(numbers: &mut dyn Numbers, them: &mut [f32]) {
    shorts(numbers, them, 0.0, LARGEST);
}

/// Forecasts, losses and errors of whatever sign.
pub fn errors(numbers: &mut dyn Numbers, them: &mut [f32]) {
    shorts(numbers, them, -LARGEST_ERROR, LARGEST_ERROR);
}

/// Errors without a sign, losses, spreads.
pub fn sizes(numbers: &mut dyn Numbers, them: &mut [f32]) {
    shorts(numbers, them, 0.0, LARGEST_ERROR);
}

/// Multiples of something, and regrets.
pub fn factors(numbers: &mut dyn Numbers, them: &mut [f32]) {
    shorts(numbers, them, -LARGEST_FACTOR, LARGEST_FACTOR);
}

/// Forecasts of which some may be absent, which is not a number.
pub fn forecasts(numbers: &mut dyn Numbers, them: &mut [f32]) {
    numbers.f32s(them);
    let sound = |x: &f32| x.is_nan() || f64::from(x.abs()) <= LARGEST_ERROR;
    hold(numbers, them.iter().all(sound));
}

/// A count, or a small number of any width.
pub fn count<N: Copy + Into<u64> + TryFrom<u64>>(numbers: &mut dyn Numbers, it: &mut N) {
    let mut wide = (*it).into();
    numbers.whole(&mut wide);
    match N::try_from(wide) {
        Ok(narrow) if wide <= LARGEST_COUNT => *it = narrow,
        _ => numbers.refuse(),
    }
}

/// Yes or no.
pub fn flag(numbers: &mut dyn Numbers, it: &mut bool) {
    let mut bit = u8::from(*it);
    count(numbers, &mut bit);
    hold(numbers, bit <= 1);
    *it = bit == 1;
}

/// Refuses what was put in unless this holds of it.
pub fn hold(numbers: &mut dyn Numbers, holds: bool) {
    if !holds {
        numbers.refuse();
    }
}

fn shorts(numbers: &mut dyn Numbers, them: &mut [f32], least: f64, most: f64) {
    numbers.f32s(them);
    let sound = |x: &f32| (least..=most).contains(&f64::from(*x));
    hold(numbers, them.iter().all(sound));
}
