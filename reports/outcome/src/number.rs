//! Numbers of crash states: decimal strings that exceed 64 bits, shown so that a person can compare them.

use crate::{Coverage, LifeCoverage, escape};

/// The longest number that is shown digit by digit.
const DIGITS_MAX: usize = 6;

/// A decimal number in few characters: `4613`, `1.0e9`, `3.2e955`.
///
/// ```
/// assert_eq!(crashcheck_outcome::short("1073741824"), "1.1e9");
/// ```
pub fn short(decimal: &str) -> String {
    if decimal.len() <= DIGITS_MAX {
        return escape(decimal);
    }
    match Scientific::parse(decimal) {
        Some(number) => number.rounded(1).to_string(),
        None => escape(decimal),
    }
}

/// The share of the crash states that is covered: `100 %`, `37.1 %`, `2e-9 %`. Only a complete walk is shown as 100 %.
pub fn covered(coverage: &Coverage) -> String {
    if coverage.total.is_empty() || coverage.total == "0" {
        return "-".to_owned();
    }
    if coverage.complete {
        return "100 %".to_owned();
    }
    share(&coverage.represented, &coverage.total)
}

/// What is covered of a later life: `100 %` of all its crash states; `12 of 90 lives` where not all that recoveries have led
/// to were crashed, and `6 of 6+ lives` where there may be more of them; `37.1 %` of the states of all lives that are known.
pub fn covered_of_life(coverage: &LifeCoverage) -> String {
    let LifeCoverage { lives, begun, total, represented, complete, .. } = coverage;
    if *lives == 0 {
        "-".to_owned()
    } else if *complete {
        "100 %".to_owned()
    } else if begun < lives {
        format!("{begun} of {lives} lives")
    } else if represented == total {
        format!("{begun} of {lives}+ lives")
    } else {
        share(represented, total)
    }
}

/// A share that is not all.
fn share(represented: &str, total: &str) -> String {
    let parsed = (Scientific::parse(represented), Scientific::parse(total));
    let (Some(part), Some(whole)) = parsed else { return "?".to_owned() };
    let exponent = part.exponent - whole.exponent + 2;
    let percent = part.mantissa / whole.mantissa * 10f64.powi(exponent);
    match () {
        () if part.mantissa == 0.0 => "0 %".to_owned(),
        // Rounded down, so that it never looks like more than it is.
        () if percent >= 0.1 => format!("{:.1} %", ((percent * 10.0).floor() / 10.0).min(99.9)),
        () => {
            let share = Scientific { mantissa: part.mantissa / whole.mantissa, exponent };
            format!("{} %", share.rounded(0))
        }
    }
}

/// `mantissa` times ten to the power of `exponent`.
#[derive(Clone, Copy)]
struct Scientific {
    mantissa: f64,
    exponent: i32,
}

impl Scientific {
    fn parse(decimal: &str) -> Option<Scientific> {
        if decimal.is_empty() || !decimal.bytes().all(|byte| byte.is_ascii_digit()) {
            return None;
        }
        let digits = decimal.trim_start_matches('0');
        if digits.is_empty() {
            return Some(Scientific { mantissa: 0.0, exponent: 0 });
        }
        // More digits than these do not fit a float.
        let head = &digits[..digits.len().min(17)];
        let mantissa = head.parse::<f64>().ok()? / 10f64.powi(head.len() as i32 - 1);
        Some(Scientific { mantissa, exponent: i32::try_from(digits.len() - 1).ok()? })
    }

    fn rounded(self, decimals: usize) -> Rounded {
        let Scientific { mut mantissa, mut exponent } = self;
        if mantissa < 1.0 {
            (mantissa, exponent) = (mantissa * 10.0, exponent - 1);
        }
        let mut text = format!("{mantissa:.decimals$}");
        if text.starts_with("10") {
            (text, exponent) = (format!("{:.decimals$}", 1.0), exponent + 1);
        }
        Rounded { mantissa: text, exponent }
    }
}

struct Rounded {
    mantissa: String,
    exponent: i32,
}

impl std::fmt::Display for Rounded {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}e{}", self.mantissa, self.exponent)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn share_of(represented: &str, total: &str, complete: bool) -> String {
        let numbers =
            Coverage { represented: represented.into(), total: total.into(), ..Coverage::default() };
        covered(&Coverage { complete, ..numbers })
    }

    #[test]
    fn long_numbers_are_rounded_and_short_ones_are_not() {
        let cases = [("0", "0"), ("999999", "999999"), ("1000000", "1.0e6"), ("9960000000", "1.0e10")];
        for (decimal, expected) in cases {
            assert_eq!(short(decimal), expected);
        }
        assert_eq!(short(&format!("32{}", "0".repeat(954))), "3.2e955");
    }

    #[test]
    fn what_is_no_number_is_shown_as_it_is() {
        assert_eq!(short("many\u{7}"), "many\\u{7}");
        assert_eq!(short("1234567x"), "1234567x");
    }

    #[test]
    fn a_share_is_never_rounded_up_to_all() {
        assert_eq!(share_of("999999", "1000000", false), "99.9 %");
        assert_eq!(share_of("1000000", "1000000", true), "100 %");
        assert_eq!(share_of("371", "1000", false), "37.1 %");
    }

    #[test]
    fn a_later_life_is_complete_only_if_all_its_lives_are() {
        let told = |lives, begun, represented: &str, complete| {
            let (total, represented) = ("40".to_owned(), represented.to_owned());
            covered_of_life(&LifeCoverage {
                lives,
                begun,
                total,
                represented,
                complete,
                ..Default::default()
            })
        };
        assert_eq!(told(6, 6, "40", true), "100 %");
        assert_eq!(told(90, 12, "40", false), "12 of 90 lives");
        assert_eq!(told(6, 6, "40", false), "6 of 6+ lives");
        assert_eq!(told(6, 6, "39", false), "97.5 %");
        assert_eq!(told(0, 0, "0", true), "-");
    }

    #[test]
    fn the_smallest_shares_are_still_told_from_nothing() {
        assert_eq!(share_of("2", "100000000000", false), "2e-9 %");
        assert_eq!(share_of("3", &format!("4{}", "0".repeat(500)), false), "8e-499 %");
        assert_eq!(share_of("0", "12", false), "0 %");
        assert_eq!(share_of("0", "0", true), "-");
    }
}
