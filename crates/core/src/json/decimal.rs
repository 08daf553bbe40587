//! The double nearest to a decimal number (D. Lemire, "Number parsing at a gigabyte per second", 2021), for the
//! exponents that almost all numbers have: the table of all of them would take 10 KB.

/// The exponents of ten that [`nearest`] knows, up and down: 5 to that power is less than 2^64.
pub(super) const MOST_EXPONENT: i32 = 27;

/// The 128 highest bits of each power of five from -27 to 27, rounded up where they are not exact.
const POWERS_OF_FIVE: [u128; 2 * MOST_EXPONENT as usize + 1] = {
    let mut table = [0; 2 * MOST_EXPONENT as usize + 1];
    let mut exponent = 0;
    let mut power = 1_u128;
    while exponent <= MOST_EXPONENT as usize {
        table[MOST_EXPONENT as usize + exponent] = power << power.leading_zeros();
        if exponent > 0 {
            table[MOST_EXPONENT as usize - exponent] = reciprocal(power);
        }
        power *= 5;
        exponent += 1;
    }
    table
};

/// 2^n / `divisor`, rounded up, where n is such that it has 128 bits.
const fn reciprocal(divisor: u128) -> u128 {
    let (mut quotient, mut remainder) = (0, 1);
    while quotient >> 127 == 0 {
        remainder <<= 1;
        quotient <<= 1;
        if remainder >= divisor {
            remainder -= divisor;
            quotient |= 1;
        }
    }
    quotient + 1
}

/// `mantissa` times ten to `exponent`, at most [`MOST_EXPONENT`] up or down, rounded to nearest, ties to even.
#[inline(always)]
pub(super) fn nearest(mantissa: u64, exponent: i32) -> f64 {
    if mantissa == 0 {
        return 0.0;
    }
    let power = POWERS_OF_FIVE[(exponent + MOST_EXPONENT) as usize];
    let zeros = mantissa.leading_zeros();
    let normal = u128::from(mantissa << zeros);
    let product = normal * (power >> 64);
    let (mut high, mut low) = ((product >> 64) as u64, product as u64);
    // Nine bits decide about rounding. If all are set, what the lower half of the power adds may carry into them.
    if high & 0x1FF == 0x1FF {
        let (sum, carry) = low.overflowing_add(((normal * (power & u128::from(u64::MAX))) >> 64) as u64);
        (high, low) = (high + u64::from(carry), sum);
    }
    let upper = (high >> 63) as u32;
    // One bit more than a double has.
    let mut bits = high >> (upper + 9);
    let binary = ((exponent * 217_706) >> 16) + 63 + upper as i32 - zeros as i32 + 1023;
    // Exactly half way between two doubles, which only these powers can be: to the even one.
    if low <= 1 && (-4..=23).contains(&exponent) && bits & 3 == 1 && bits << (upper + 9) == high {
        bits &= !1;
    }
    bits += bits & 1;
    // Rounding up may carry into the exponent, and all is right then.
    f64::from_bits((bits >> 1) + ((binary as u64 - 1) << 52))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(mantissa: u64, exponent: i32) {
        let expected: f64 = format!("{mantissa}e{exponent}").parse().unwrap();
        assert_eq!(nearest(mantissa, exponent).to_bits(), expected.to_bits(), "{mantissa}e{exponent}");
    }

    #[test]
    fn agrees_with_std() {
        for exponent in -MOST_EXPONENT..=MOST_EXPONENT {
            let mut seed = 0x9E37_79B9_7F4A_7C15_u64 ^ exponent as u64;
            for bit in 0..64 {
                let power = 1_u64 << bit;
                for mantissa in
                    [power, power - 1, power + 1, power | power >> 53, power | power >> 54, !power]
                {
                    check(mantissa, exponent);
                }
                for _ in 0..400 {
                    seed ^= seed << 13;
                    seed ^= seed >> 7;
                    seed ^= seed << 17;
                    check(seed >> bit, exponent);
                }
            }
        }
    }

    #[test]
    fn rounds_ties_to_even() {
        for exponent in 0..=MOST_EXPONENT as u32 {
            // Doubles and their middles, as decimal numbers with that exponent.
            for odd in [1_u64 << 53, (1 << 54) - 1, 0x3F_1234_5678_9ABB, 0x2A_AAAA_AAAA_AAAB] {
                let power = 5_u64.pow(exponent);
                let scaled = (u128::from(odd / power * power) << 10).min(u64::MAX.into()) as u64;
                check(scaled / power, exponent as i32);
                check(odd / power, exponent as i32);
                if exponent < 5 {
                    // An odd number of 54 bits divided by a power of ten: exact with one more power of two.
                    check((odd * power) >> 10, -(exponent as i32));
                }
            }
        }
        for middle in [9_007_199_254_740_993_u64, 9_007_199_254_740_995, 18_014_398_509_481_986] {
            for exponent in 0..4 {
                check(middle, 0);
                check(middle / 10_u64.pow(exponent) * 10_u64.pow(exponent), -(exponent as i32));
                check(middle * 10_u64.pow(exponent), -(exponent as i32));
            }
        }
    }
}
