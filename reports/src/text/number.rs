//! Numbers of crash states: decimal strings that exceed 64 bits, shown so that a person can compare them.

use crashcheck_trace::outcome::Coverage;

/// The longest number that is shown digit by digit.
const DIGITS_MAX: usize = 6;

/// A decimal number in few characters: `4613`, `1.0e9`, `3.2e955`.
///
/// ```
/// assert_eq!(crashcheck_report::text::short("1073741824"), "1.1e9");
/// ```
pub fn short(decimal: &str) -> String {
    if decimal.len() <= DIGITS_MAX {
        return super::escape(decimal);
    }
    match Scientific::parse(decimal) {
        Some(number) => number.rounded(1).to_string(),
        None => super::escape(decimal),
    }
}

/// The share of the crash states that is covered: `100 %`, `37.1 %`, `2e-9 %`. Only a complete walk is shown as 100 %.
pub fn coverage(coverage: &Coverage) -> String {
    if coverage.total.is_empty() || coverage.total == "0" {
        return "-".to_owned();
    }
    if coverage.complete {
        return "100 %".to_owned();
    }
    let parsed = (Scientific::parse(&coverage.represented), Scientific::parse(&coverage.total));
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

    fn share(represented: &str, total: &str, complete: bool) -> String {
        let numbers =
            Coverage { represented: represented.into(), total: total.into(), ..Coverage::default() };
        coverage(&Coverage { complete, ..numbers })
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
        assert_eq!(share("999999", "1000000", false), "99.9 %");
        assert_eq!(share("1000000", "1000000", true), "100 %");
        assert_eq!(share("371", "1000", false), "37.1 %");
    }

    #[test]
    fn the_smallest_shares_are_still_told_from_nothing() {
        assert_eq!(share("2", "100000000000", false), "2e-9 %");
        assert_eq!(share("3", &format!("4{}", "0".repeat(500)), false), "8e-499 %");
        assert_eq!(share("0", "12", false), "0 %");
        assert_eq!(share("0", "0", true), "-");
    }
}
