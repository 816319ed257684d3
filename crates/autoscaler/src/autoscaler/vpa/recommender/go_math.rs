//! Go's float functions, bit for bit, where the recommender's numbers depend on them.
//!
//! Go's `math.Pow` multiplies fractions and exponents apart and is neither the C library's
//! nor correctly rounded; bucket boundaries and confidence factors show the difference in a
//! few bytes. `exp2` and `log` are the portable versions of Go's `math` package, which
//! themselves follow FreeBSD's msun (`e_exp.c`, `e_log.c`).

use std::f64::consts::FRAC_1_SQRT_2;

const FRACTION_BITS: u32 = 52;
const EXPONENT_MASK: u64 = 0x7ff << FRACTION_BITS;
/// Exponent field of numbers in [0.5, 1).
const HALF_FIELD: i32 = 1022;

/// Splits a finite, non-zero number into a fraction in [0.5, 1) and a power of two.
fn frexp(x: f64) -> (f64, i32) {
    if x == 0.0 || !x.is_finite() {
        return (x, 0);
    }
    let (x, shift) = normalize(x);
    let bits = x.to_bits();
    let field = ((bits & EXPONENT_MASK) >> FRACTION_BITS) as i32;
    let fraction = f64::from_bits(bits & !EXPONENT_MASK | (HALF_FIELD as u64) << FRACTION_BITS);
    (fraction, field - HALF_FIELD - shift)
}

/// A subnormal number times 2^52, and that 52; a normal one as it is.
fn normalize(x: f64) -> (f64, i32) {
    if x.abs() < f64::MIN_POSITIVE {
        (x * (1u64 << FRACTION_BITS) as f64, FRACTION_BITS as i32)
    } else {
        (x, 0)
    }
}

/// `fraction` times 2^`exponent`, rounded once.
pub(super) fn ldexp(fraction: f64, exponent: i32) -> f64 {
    if fraction == 0.0 || !fraction.is_finite() {
        return fraction;
    }
    let (fraction, own) = frexp(fraction);
    match own.saturating_add(exponent) {
        exponent if exponent > 1024 => f64::INFINITY.copysign(fraction),
        exponent if exponent < -1074 => 0f64.copysign(fraction),
        // Subnormal results are rounded by one multiplication with the least powers.
        exponent if exponent < -1021 => with_exponent(fraction, exponent + 53) * 2f64.powi(-53),
        exponent => with_exponent(fraction, exponent),
    }
}

/// A fraction in [0.5, 1) times a power of two that leaves it normal.
fn with_exponent(fraction: f64, exponent: i32) -> f64 {
    let field = (exponent + HALF_FIELD) as u64;
    f64::from_bits(fraction.to_bits() & !EXPONENT_MASK | field << FRACTION_BITS)
}

/// `x` to an integer power, as `math.Pow` computes it for positive `x`.
pub(super) fn pow(x: f64, y: i32) -> f64 {
    if y == 0 || x == 1.0 {
        return 1.0;
    }
    if x.is_infinite() {
        return if y < 0 { 0.0 } else { f64::INFINITY };
    }
    let (mut square, mut square_exponent) = frexp(x);
    let (mut fraction, mut exponent) = (1.0, 0);
    let mut bits = y.unsigned_abs();
    while bits != 0 {
        if bits & 1 == 1 {
            fraction *= square;
            exponent += square_exponent;
        }
        square *= square;
        square_exponent <<= 1;
        if square < 0.5 {
            square += square;
            square_exponent -= 1;
        }
        bits >>= 1;
    }
    if y < 0 {
        fraction = 1.0 / fraction;
        exponent = -exponent;
    }
    ldexp(fraction, exponent)
}

const LN2_HIGH: f64 = f64::from_bits(0x3fe6_2e42_fee0_0000);
const LN2_LOW: f64 = f64::from_bits(0x3dea_39ef_3579_3c76);

/// 2 to the power `x`, as `math.Exp2` computes it.
pub(super) fn exp2(x: f64) -> f64 {
    const P: [f64; 5] = [
        f64::from_bits(0x3fc5_5555_5555_5555),
        f64::from_bits(0xbf66_c16c_16be_bd93),
        f64::from_bits(0x3f11_566a_af25_de2c),
        f64::from_bits(0xbebb_bd41_c5d2_6bf1),
        f64::from_bits(0x3e66_3769_72be_a4d0),
    ];
    if x > 1024f64.next_down() {
        return f64::INFINITY;
    }
    if x < -1074.0 {
        return 0.0;
    }
    // x = whole + rest with |rest| <= 1/2; rest * ln 2 as a difference, for precision.
    let whole = (x + 0.5f64.copysign(x)) as i32;
    let rest = x - f64::from(whole);
    let (high, low) = (rest * LN2_HIGH, -rest * LN2_LOW);
    let r = high - low;
    let square = r * r;
    let c =
        r - square * (P[0] + square * (P[1] + square * (P[2] + square * (P[3] + square * P[4]))));
    let fraction = 1.0 - ((low - (r * c) / (2.0 - c)) - high);
    ldexp(fraction, whole)
}

/// The natural logarithm of a positive number, as `math.Log` computes it.
pub(super) fn log(x: f64) -> f64 {
    const L: [f64; 7] = [
        f64::from_bits(0x3fe5_5555_5555_5593),
        f64::from_bits(0x3fd9_9999_9997_fa04),
        f64::from_bits(0x3fd2_4924_9422_9359),
        f64::from_bits(0x3fcc_71c5_1d8e_78af),
        f64::from_bits(0x3fc7_4664_96cb_03de),
        f64::from_bits(0x3fc3_9a09_d078_c69f),
        f64::from_bits(0x3fc2_f112_df3e_5244),
    ];
    let (mut fraction, mut exponent) = frexp(x);
    if fraction < FRAC_1_SQRT_2 {
        fraction *= 2.0;
        exponent -= 1;
    }
    let f = fraction - 1.0;
    let k = f64::from(exponent);
    let s = f / (2.0 + f);
    let s2 = s * s;
    let s4 = s2 * s2;
    let odd = s2 * (L[0] + s4 * (L[2] + s4 * (L[4] + s4 * L[6])));
    let even = s4 * (L[1] + s4 * (L[3] + s4 * L[5]));
    let half_square = 0.5 * f * f;
    k * LN2_HIGH - ((half_square - (s * (half_square + (odd + even)) + k * LN2_LOW)) - f)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn powers_of_the_bucket_ratio_differ_from_correct_rounding_where_gos_do() {
        // Square and multiply, rounded at every step.
        assert_eq!(pow(1.05, 2), 1.05 * 1.05);
        let correct = 1.05f64.powi(2) * 1.05;
        assert_eq!(pow(1.05, 3), correct);
        assert_eq!(pow(0.5, 3), 0.125);
        assert_eq!(pow(2.0, -2), 0.25);
        assert_eq!(pow(f64::INFINITY, -2), 0.0);
        assert_eq!(pow(f64::INFINITY, 1), f64::INFINITY);
    }

    #[test]
    fn exact_powers_of_two_are_exact() {
        for k in -1074..=1023 {
            assert_eq!(exp2(f64::from(k)), ldexp(1.0, k), "2^{k}");
        }
        assert_eq!(ldexp(1.0, -1075), 0.0);
        assert_eq!(ldexp(1.0, 1024), f64::INFINITY);
        assert_eq!(ldexp(3.0, -1074), 3.0 * f64::from_bits(1));
    }

    proptest! {
        #[test]
        fn frexp_and_ldexp_undo_each_other(bits in any::<u64>()) {
            let x = f64::from_bits(bits);
            prop_assume!(x.is_finite());
            let (fraction, exponent) = frexp(x);
            prop_assert_eq!(ldexp(fraction, exponent), x);
            prop_assert!(x == 0.0 || (0.5..1.0).contains(&fraction.abs()));
        }

        #[test]
        fn functions_are_within_a_bit_of_the_platforms(x in 1e-3..1e3f64) {
            prop_assert!((log(x) - x.ln()).abs() <= 4.5e-16 * x.ln().abs().max(1.0));
            prop_assert!((exp2(x) / x.exp2() - 1.0).abs() <= 4e-16);
            prop_assert!((exp2(-x) / (-x).exp2() - 1.0).abs() <= 4e-16);
        }

        #[test]
        fn integer_powers_are_close_to_the_platforms(x in 0.5..2.0f64, y in -200..200i32) {
            prop_assert!((pow(x, y) / x.powi(y) - 1.0).abs() <= 1e-13);
        }
    }
}
