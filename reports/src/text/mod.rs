//! For people at a terminal or in the log of a build.

mod advice;
mod colour;
mod finding;
mod group;
mod life;
mod paper;
mod summary;
mod systems;
mod table;

pub use advice::advice;
pub use colour::Colour;
pub use crashcheck_outcome::{covered as coverage, covered_of_life as coverage_of_life};
pub use crashcheck_outcome::{escape, escape_lines, short};
pub(crate) use finding::cause;
pub use finding::{details, finding};
pub use group::causes;
pub(crate) use life::{later_lives, left_out_of_life, of_life};
pub use paper::{Paper, wrapped};
pub(crate) use summary::{by_text, notes};
pub use summary::{census, judged, remarks, summary};
pub use systems::systems;
pub use table::{Align, overview, table};

use crashcheck_outcome::{Exploration, Verdict};

/// A verdict in the words that a person reads.
pub fn verdict(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Survived => "survived",
        Verdict::Incomplete => "incomplete",
        Verdict::NotMeasured => "not measured",
        Verdict::DeviceLies => "device lies",
        Verdict::Lost => "lost",
        Verdict::Broken => "broken",
    }
}

/// A system with its bug switches, as on the command line and in a replay id: `journal+no-revoke`.
pub fn system(exploration: &Exploration) -> String {
    let mut name = escape(&exploration.system);
    for bug in &exploration.bugs {
        name.push('+');
        name.push_str(&escape(bug));
    }
    name
}
