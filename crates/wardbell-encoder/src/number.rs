//! Functions of `f32` that give the same bits on every machine and that a compiler can do eight at a time.
//!
//! Neither `f32::exp2` nor `round_ties_even` is used: the first differs from platform to platform, the second is a call where
//! the CPU is old.

/// Adding this to a number of less than 2^22 rounds it to a whole one, half to even: it is 1.5 * 2^23, and at that size the
/// last bit of an `f32` is worth 1.
const ROUNDER: f32 = 12_582_912.0;
/// What is told from nothing where numbers become whole ones. Source: our choice.
const MOST_MIN: f32 = 1e-10;
/// How many sums run side by side.
const LANES: usize = 32;
/// The smallest power of two that [`exp2`] gives: with it the result has a full set of digits.
const POWER_MIN: f32 = -125.0;
/// Where the share of a normal distribution counts as 1: what is missing there is below 3e-7.
const SHARE_MAX: f32 = 5.0;

/// The nearest whole number, half to even. `value` is below 2^22 in size.
#[inline(always)]
pub(crate) fn rounded(value: f32) -> i32 {
    (value + ROUNDER).to_bits().cast_signed().wrapping_sub(ROUNDER.to_bits().cast_signed())
}

/// The nearest byte.
#[inline(always)]
#[expect(clippy::cast_sign_loss, reason = "the number is brought between 0 and 255")]
pub(crate) fn byte(number: i32) -> u8 {
    number.clamp(0, 255) as u8
}

/// What one is worth when numbers up to `most` in size are brought to whole ones up to `whole`, and its inverse: 1 and 0 where `most`
/// is all but nothing, so that all become 0.
#[inline(always)]
pub(crate) fn step(most: f32, whole: f32) -> (f32, f32) {
    if most < MOST_MIN { (1.0, 0.0) } else { (most * (1.0 / whole), whole / most) }
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
    let (low, high) = (folded(low, lesser), folded(high, greater));
    (rest.iter().copied().fold(low, lesser), rest.iter().copied().fold(high, greater))
}

/// The sum of `term` over all values.
#[inline(always)]
pub(crate) fn sum(values: &[f32], term: impl Fn(f32) -> f32) -> f32 {
    let mut sums = [0.0_f32; LANES];
    let (chunks, rest) = values.as_chunks::<LANES>();
    for chunk in chunks {
        for (sum, value) in sums.iter_mut().zip(chunk) {
            *sum += term(*value);
        }
    }
    rest.iter().fold(total(&sums), |sum, value| sum + term(*value))
}

/// The sum of the lanes. A call of its own: where it is inlined, the compiler keeps the lanes in pairs for its last steps, all the way.
#[inline(never)]
fn total(lanes: &[f32; LANES]) -> f32 {
    folded(*lanes, |one, other| one + other)
}

/// Joins the second half of the lanes with the first until one is left: a few steps, where one lane after the other would be as many
/// as there are lanes, each of which waits for the one before. `LANES` is a power of two.
#[inline(always)]
pub(crate) fn folded<T: Copy, const LANES: usize>(mut lanes: [T; LANES], join: impl Fn(T, T) -> T) -> T {
    const { assert!(LANES.is_power_of_two()) };
    let mut half = LANES / 2;
    while half > 0 {
        for lane in 0..half {
            lanes[lane] = join(lanes[lane], lanes[lane + half]);
        }
        half /= 2;
    }
    lanes[0]
}

/// 2 to a power of at most 0, right to 3e-6 of itself. Powers below -125 count as -125.
///
/// The fraction's power by a polynomial that has the least greatest error on -1/2..=1/2, fitted to points of it; the whole
/// part is then added to the exponent.
#[inline(always)]
pub(crate) fn exp2(power: f32) -> f32 {
    let power = greater(power, POWER_MIN);
    let shifted = power + ROUNDER;
    let rest = power - (shifted - ROUNDER);
    let high = 0.009_570_101_f32.mul_add(rest, 0.055_917_86).mul_add(rest, 0.240_247_44);
    let fraction = high.mul_add(rest, 0.693_121_8).mul_add(rest, 0.999_999_3);
    f32::from_bits(fraction.to_bits().wrapping_add(shifted.to_bits() << 23))
}

/// `x` times the share of a normal distribution below `x`, right to 3e-6 for |x| up to 8 and to 1e-6 of |x| beyond.
///
/// The share is one half and `x` times an even function of `x`, here a quotient of polynomials with the least greatest error
/// of the product up to [`SHARE_MAX`], fitted to points of it.
#[inline(always)]
pub(crate) fn gelu(x: f32) -> f32 {
    let z = lesser(greater(x, -SHARE_MAX), SHARE_MAX);
    let u = z * z;
    let above = (-1.011_012_5e-7_f32).mul_add(u, 4.880_908_5e-5).mul_add(u, 0.004_202_003).mul_add(u, 0.028_000_003);
    let above = above.mul_add(u, 0.398_964_67);
    let below = 0.001_409_420_7_f32.mul_add(u, 0.024_857_327).mul_add(u, 0.237_024_64).mul_add(u, 1.0);
    x * z.mul_add(above / below, 0.5)
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
    fn powers_of_two_are_right() {
        for step in 0..12_500 {
            let power = -0.01 * step as f32;
            let right = f64::from(power).exp2();
            assert!((f64::from(exp2(power)) / right - 1.0).abs() < 3e-6, "{power}");
        }
        assert!(exp2(f32::MIN) < 3e-38 && exp2(f32::MIN) > 0.0);
    }

    #[test]
    fn gelu_is_right() {
        // Values of x Φ(x) from tables of the normal distribution.
        let table = [(0.0, 0.0), (1.0, 0.841_344_8), (-1.0, -0.158_655_25), (2.0, 1.954_499_7), (-3.0, -0.004_049_69)];
        for (x, right) in table {
            assert!((gelu(x) - right).abs() < 3e-6, "{x}: {}", gelu(x));
        }
        for x in [8.0, 100.0, 1e6] {
            assert!((gelu(x) / x - 1.0).abs() < 1e-6 && (gelu(-x) / x).abs() < 1e-6, "{x}");
        }
    }

    #[test]
    fn sums_and_ranges_take_every_value() {
        let values: Vec<f32> = (0_u16..77).map(|value| f32::from(value) - 30.0).collect();
        assert!((sum(&values, |value| value) - 616.0).abs() < 1e-3);
        assert_eq!(range_with_zero(&values), (-30.0, 46.0));
    }
}
