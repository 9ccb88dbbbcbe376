//! How to read the page, in plain words.

use super::markup::Markup;

/// The words that the page uses, for somebody who meets them for the first time.
const GUIDE: &str = include_str!("../../assets/guide.html");

pub(super) fn write(page: &mut Markup) {
    page.raw(GUIDE);
}
