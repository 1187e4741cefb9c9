//! Functions of `f32` that give the same bits on every machine and that a compiler can do eight at a time.
//!
//! Neither `f32::exp` nor `round_ties_even` is used: the first differs from platform to platform, the second is a call where
//! the CPU is old.

/// Adding this to a number of less than 2^22 rounds it to a whole one, half to even: it is 1.5 * 2^23, and at that size the
/// last bit of an `f32` is worth 1.
const ROUNDER: f32 = 12_582_912.0;
/// How many sums run side by side.
const LANES: usize = 32;
/// Below this, `exp` is taken to be what it is here: no probability that matters is so small.
const EXPONENT_MIN: f32 = -87.0;

/// The nearest whole number, half to even. `value` is below 2^22 in size.
#[inline(always)]
pub(crate) fn rounded(value: f32) -> i32 {
    (value + ROUNDER).to_bits().cast_signed().wrapping_sub(ROUNDER.to_bits().cast_signed())
}

/// The least and the greatest of the values and zero.
#[inline(always)]
pub(crate) fn range_with_zero(values: &[f32]) -> (f32, f32) {
    let (mut low, mut high) = ([0.0_f32; LANES], [0.0_f32; LANES]);
    let (chunks, rest) = values.as_chunks::<LANES>();
    for chunk in chunks {
        for lane in 0..LANES {
            low[lane] = lesser(low[lane], chunk[lane]);
            high[lane] = greater(high[lane], chunk[lane]);
        }
    }
    let low = low.into_iter().chain(rest.iter().copied()).fold(0.0, lesser);
    let high = high.into_iter().chain(rest.iter().copied()).fold(0.0, greater);
    (low, high)
}

/// The sum of `term` over all values.
#[inline(always)]
pub(crate) fn sum(values: &[f32], term: impl Fn(f32) -> f32) -> f32 {
    let mut sums = [0.0_f32; LANES];
    let (chunks, rest) = values.as_chunks::<LANES>();
    for chunk in chunks {
        for lane in 0..LANES {
            sums[lane] += term(chunk[lane]);
        }
    }
    let total = halved(halved(halved(sums)));
    total.into_iter().chain(rest.iter().map(|value| term(*value))).fold(0.0, |sum, value| sum + value)
}

/// Adds the second half of the lanes in use to the first.
#[inline(always)]
fn halved(mut sums: [f32; LANES]) -> [f32; LANES] {
    for lane in 0..LANES / 2 {
        sums[lane] += sums[lane + LANES / 2];
        sums[lane + LANES / 2] = 0.0;
    }
    sums
}

/// `e` to a power of at most 0, to about six digits.
///
/// 2^n times 2^r with |r| <= 1/2; the second by its series up to r^6, whose rest is below 1.3e-7.
#[inline(always)]
pub(crate) fn exp(power: f32) -> f32 {
    let scaled = greater(power, EXPONENT_MIN) * std::f32::consts::LOG2_E;
    let whole = rounded(scaled);
    let rest = (scaled - whole as f32) * std::f32::consts::LN_2;
    let series = 1.0 / 720.0;
    let series = series * rest + 1.0 / 120.0;
    let series = series * rest + 1.0 / 24.0;
    let series = series * rest + 1.0 / 6.0;
    let series = series * rest + 0.5;
    let series = series * rest + 1.0;
    let series = series * rest + 1.0;
    series * f32::from_bits(((whole + 127) << 23).cast_unsigned())
}

/// `x` times the share of a normal distribution below `x`.
///
/// The error function is that of Abramowitz and Stegun, "Handbook of Mathematical Functions", 7.1.26: off by at most 1.5e-7.
#[inline(always)]
pub(crate) fn gelu(x: f32) -> f32 {
    let z = x.abs() * std::f32::consts::FRAC_1_SQRT_2;
    let t = 1.0 / (1.0 + 0.327_591_1 * z);
    let series = 1.061_405_4 * t - 1.453_152;
    let series = series * t + 1.421_413_7;
    let series = series * t - 0.284_496_74;
    let series = series * t + 0.254_829_6;
    let erf = 1.0 - series * t * exp(-(z * z));
    0.5 * x * (1.0 + erf.copysign(x))
}

#[inline(always)]
pub(crate) fn lesser(one: f32, other: f32) -> f32 {
    if other < one { other } else { one }
}

#[inline(always)]
pub(crate) fn greater(one: f32, other: f32) -> f32 {
    if other > one { other } else { one }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rounding_is_to_even() {
        for (value, whole) in [(0.5, 0), (1.5, 2), (2.5, 2), (-0.5, 0), (-1.5, -2), (254.7, 255), (-300.2, -300)] {
            assert_eq!(rounded(value), whole, "{value}");
        }
    }

    #[test]
    fn exp_is_right_to_six_digits() {
        for step in 0..8700 {
            let power = -0.01 * step as f32;
            let right = f64::from(power).exp();
            assert!((f64::from(exp(power)) / right - 1.0).abs() < 1e-5, "{power}");
        }
        assert!(exp(f32::NEG_INFINITY) < 1e-37);
    }

    #[test]
    fn gelu_is_right() {
        // Values of x Φ(x) from tables of the normal distribution.
        for (x, right) in [(0.0, 0.0), (1.0, 0.841_344_75), (-1.0, -0.158_655_25), (2.0, 1.954_499_7), (-3.0, -0.004_049_694)] {
            assert!((gelu(x) - right).abs() < 1e-6, "{x}: {}", gelu(x));
        }
        assert!((gelu(1e9) - 1e9).abs() < 1.0);
        assert!(gelu(-1e9).abs() < 1e3, "{}", gelu(-1e9));
    }

    #[test]
    fn sums_and_ranges_take_every_value() {
        let values: Vec<f32> = (0_u16..77).map(|value| f32::from(value) - 30.0).collect();
        assert!((sum(&values, |value| value) - 616.0).abs() < 1e-3);
        assert_eq!(range_with_zero(&values), (-30.0, 46.0));
    }
}
