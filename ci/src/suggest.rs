//! Names that do not exist.

use crate::failure::Failure;

/// How alike two names must be for one to be meant for the other.
const ALIKE: f64 = 0.8;

/// There is no such thing; says what there is, and what was probably meant.
pub(crate) fn unknown<'a>(what: &str, name: &str, known: impl IntoIterator<Item = &'a str>) -> Failure {
    let known: Vec<&str> = known.into_iter().collect();
    let nearest = known
        .iter()
        .map(|other| (strsim::jaro_winkler(name, other), *other))
        .filter(|(alike, _)| *alike >= ALIKE)
        .max_by(|(one, _), (other, _)| one.total_cmp(other));
    let meant = nearest.map(|(_, other)| format!("; did you mean '{other}'?")).unwrap_or_default();
    Failure::usage(format!("there is no {what} '{name}'{meant}\nthere are: {}", known.join(", ")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_meant_is_suggested_and_nothing_else() {
        let message = |name: &str| unknown("system", name, ["vsfs", "journal"]).message;
        assert_eq!(
            message("jurnal"),
            "there is no system 'jurnal'; did you mean 'journal'?\nthere are: vsfs, journal"
        );
        assert_eq!(message("btrfs-x"), "there is no system 'btrfs-x'\nthere are: vsfs, journal");
    }
}
