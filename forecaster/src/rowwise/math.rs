//! Exponential functions on vectors of `f32`, good to a few units in the last place of 1.0.
//!
//! A value that is not a number stays one: a broken model must not look sound.

use pulp::Simd;

/// Beyond these `exp` would leave the range of `f32`.
const EXP_LOW: f32 = -87.0;
const EXP_HIGH: f32 = 88.0;
/// 1.5 * 2^23: a sum with it rounds to a whole number, which then stands in the lowest bits.
const ROUNDER: f32 = 12_582_912.0;
/// ln 2 in two parts, so that a multiple of it can be subtracted without loss.
const LN_2_HIGH: f32 = 0.693_359_4;
const LN_2_LOW: f32 = -2.121_944_4e-4;

/// `e^x`.
#[inline(always)]
pub(super) fn exp<S: Simd>(simd: S, x: S::f32s) -> S::f32s {
    let number = |x| simd.splat_f32s(x);
    // The argument stands last: with NaN these instructions give their last operand.
    let x = simd.min_f32s(number(EXP_HIGH), simd.max_f32s(number(EXP_LOW), x));
    let rounded = simd.mul_add_e_f32s(x, number(std::f32::consts::LOG2_E), number(ROUNDER));
    let whole = simd.sub_f32s(rounded, number(ROUNDER));
    let rest = simd.mul_add_e_f32s(whole, number(-LN_2_HIGH), x);
    let rest = simd.mul_add_e_f32s(whole, number(-LN_2_LOW), rest);
    // Taylor's series of e^rest; |rest| <= ln 2 / 2.
    let mut sum = number(1.0 / 720.0);
    for factor in [1.0 / 120.0, 1.0 / 24.0, 1.0 / 6.0, 0.5, 1.0, 1.0] {
        sum = simd.mul_add_e_f32s(sum, rest, number(factor));
    }
    let bits = simd.transmute_u32s_f32s(rounded);
    let exponent = simd.wrapping_dyn_shl_u32s(bits, simd.splat_u32s(23));
    let power = simd.add_u32s(exponent, simd.splat_u32s(1.0_f32.to_bits()));
    simd.mul_f32s(sum, simd.transmute_f32s_u32s(power))
}

/// `1 / (1 + e^-x)`.
#[inline(always)]
pub(super) fn sigmoid<S: Simd>(simd: S, x: S::f32s) -> S::f32s {
    let one = simd.splat_f32s(1.0);
    simd.div_f32s(one, simd.add_f32s(one, exp(simd, simd.neg_f32s(x))))
}

/// The hyperbolic tangent.
#[inline(always)]
pub(super) fn tanh<S: Simd>(simd: S, x: S::f32s) -> S::f32s {
    let (one, two) = (simd.splat_f32s(1.0), simd.splat_f32s(2.0));
    let grown = exp(simd, simd.add_f32s(x, x));
    simd.sub_f32s(one, simd.div_f32s(two, simd.add_f32s(one, grown)))
}

/// `ln(1 + e^x)`.
#[inline(always)]
pub(super) fn softplus<S: Simd>(simd: S, x: S::f32s) -> S::f32s {
    let number = |x| simd.splat_f32s(x);
    // ln(1 + e^x) = max(x, 0) + ln(1 + e^-|x|), and ln(1 + e) = 2 artanh(e / (2 + e)).
    let small = exp(simd, simd.neg_f32s(simd.abs_f32s(x)));
    let s = simd.div_f32s(small, simd.add_f32s(number(2.0), small));
    let square = simd.mul_f32s(s, s);
    let mut sum = number(2.0 / 13.0);
    for factor in [2.0 / 11.0, 2.0 / 9.0, 2.0 / 7.0, 2.0 / 5.0, 2.0 / 3.0, 2.0] {
        sum = simd.mul_add_e_f32s(sum, square, number(factor));
    }
    simd.mul_add_e_f32s(sum, s, simd.max_f32s(number(0.0), x))
}

#[cfg(test)]
mod tests {
    use pulp::{Arch, WithSimd};

    use super::*;

    struct All(f32);

    impl WithSimd for All {
        type Output = [f32; 4];

        #[inline(always)]
        fn with_simd<S: Simd>(self, simd: S) -> [f32; 4] {
            let x = simd.splat_f32s(self.0);
            let vectors = [
                exp(simd, x),
                sigmoid(simd, x),
                tanh(simd, x),
                softplus(simd, x),
            ];
            vectors.map(|vector| {
                let mut lanes = vec![0.0; S::F32_LANES];
                simd.partial_store_f32s(&mut lanes, vector);
                lanes[S::F32_LANES - 1]
            })
        }
    }

    #[test]
    fn they_agree_with_double_precision() {
        let mut x = -40.0_f64;
        while x < 40.0 {
            let found = Arch::new().dispatch(All(x as f32));
            let x64 = f64::from(x as f32);
            let expected = [
                x64.exp(),
                1.0 / (1.0 + (-x64).exp()),
                x64.tanh(),
                x64.max(0.0) + (-x64.abs()).exp().ln_1p(),
            ];
            for (found, expected) in found.into_iter().zip(expected) {
                let error = (f64::from(found) - expected).abs() / expected.abs().max(1.0);
                assert!(error < 5e-7, "at {x}: {found} {expected}");
            }
            x += 0.0137;
        }
    }

    #[test]
    fn far_arguments_saturate_and_nan_stays() {
        let [_, sigmoid, tanh, softplus] = Arch::new().dispatch(All(1e30));
        let found = [sigmoid, tanh, softplus].map(f32::to_bits);
        assert_eq!(found, [1.0_f32, 1.0, 1e30].map(f32::to_bits));
        let [exp, sigmoid, tanh, softplus] = Arch::new().dispatch(All(-1e30));
        assert!(
            exp < 1e-30
                && sigmoid < 1e-30
                && tanh.to_bits() == (-1.0_f32).to_bits()
                && softplus < 1e-30
        );
        assert!(
            Arch::new()
                .dispatch(All(f32::NAN))
                .iter()
                .all(|y| y.is_nan())
        );
    }
}
