//! What the crash left on the medium: a cell for each place, and the same as a table.

use super::clipped;
use super::layout::place_name;
use super::markup::Markup;
use super::words::{self, counted};
use crashcheck_outcome::{Holds, Picture, PictureDevice, Sector};
use std::collections::BTreeSet;

/// A run of places that are alike has so many cells, and then a number.
const RUN_MAX: u64 = 16;
/// A finding has so many cells in all.
const CELLS_MAX: u64 = 400;
/// What is there is said in words beside the cells if a device has no more runs than these.
const TOLD_MAX: usize = 16;
/// A longer text is cut.
const WHAT_MAX: usize = 120;
/// The table has so many rows.
const ROWS_MAX: usize = 120;

/// The map, its legend, and the table, of the finding or the life of one `whose` medium it is.
pub(super) fn write(page: &mut Markup, picture: &Picture, whose: &str) {
    page.raw(
        "<p>Every place that had something in flight when the power failed, as recovery found it.</p>\n",
    );
    let mut cells = CELLS_MAX;
    let mut left_out = picture.more_sectors;
    for (index, device) in picture.devices.iter().enumerate() {
        let on: Vec<&Sector> =
            picture.sectors.iter().filter(|sector| usize::from(sector.device) == index).collect();
        if on.is_empty() {
            continue;
        }
        if picture.devices.len() > 1 {
            page.put("<p class=\"device\">{}</p>\n", &[&device.name]);
        }
        let has_room = on.len() <= TOLD_MAX;
        page.put("<ul class=\"map{}\" ", &[&if has_room { " told" } else { "" }]);
        page.put("aria-label=\"Places on {}\">\n", &[&device.name]);
        for sector in on {
            match cells {
                0 => left_out = left_out.saturating_add(sector.count),
                _ => run(page, device, sector, has_room, &mut cells),
            }
        }
        page.raw("</ul>\n");
    }
    legend(page, picture);
    if left_out > 0 {
        page.put("<p>{} more are not drawn.</p>\n", &[&counted(left_out, "place")]);
    }
    table(page, picture, whose);
}

/// A run of places that are alike: its cells, and what they hold in words, which are shown if there is room.
fn run(page: &mut Markup, device: &PictureDevice, sector: &Sector, has_room: bool, cells: &mut u64) {
    let (class, name, _) = words::holds(sector.holds);
    let shown = sector.count.clamp(1, RUN_MAX).min(*cells);
    *cells -= shown;
    let what = clipped(&sector.what, WHAT_MAX);
    page.put("<li title=\"{}: {}, {}\">", &[&places(device, sector), &name, &what]);
    for _ in 0..shown {
        page.put("<svg class=\"cell w {}\" width=\"20\" height=\"20\" aria-hidden=\"true\">", &[&class]);
        page.raw("<rect x=\"1\" y=\"1\" width=\"18\" height=\"18\" rx=\"3\"/>");
        page.put("<use href=\"#m-{}\" x=\"4\" y=\"4\" width=\"12\" height=\"12\"/></svg>", &[&class]);
    }
    if sector.count > shown {
        page.put("<span class=\"more\" aria-hidden=\"true\">+{}</span>", &[&(sector.count - shown)]);
    }
    let visible = if has_room { "what" } else { "unseen" };
    page.put(
        "<span class=\"{}\">{}: <b>{}</b>, {}</span></li>\n",
        &[&visible, &places(device, sector), &name, &what],
    );
}

/// `32 KiB`, `32 KiB to 64 KiB`: where a run begins, and where it ends if it has several places.
fn places(device: &PictureDevice, sector: &Sector) -> String {
    let first = place_name(Some(device), sector.first);
    match sector.count {
        0 | 1 => first,
        count => format!("{first} to {}", place_name(Some(device), sector.first.saturating_add(count))),
    }
}

fn legend(page: &mut Markup, picture: &Picture) {
    let kinds: BTreeSet<Holds> = picture.sectors.iter().map(|sector| sector.holds).collect();
    page.raw("<ul class=\"legend\" aria-label=\"Marks of the map\">\n");
    for kind in kinds {
        let (class, name, meaning) = words::holds(kind);
        page.put("<li><svg class=\"key w {}\" width=\"18\" height=\"18\" aria-hidden=\"true\">", &[&class]);
        page.raw("<rect x=\"1\" y=\"1\" width=\"16\" height=\"16\" rx=\"3\"/>");
        page.put("<use href=\"#m-{}\" x=\"3\" y=\"3\" width=\"12\" height=\"12\"/></svg> ", &[&class]);
        page.put("<b>{}</b> {}</li>\n", &[&name, &meaning]);
    }
    page.raw("</ul>\n");
}

fn table(page: &mut Markup, picture: &Picture, whose: &str) {
    page.put("<details class=\"table\"><summary>The medium of {} as a table</summary>\n", &[&whose]);
    page.raw("<div class=\"scroll\" role=\"region\" tabindex=\"0\" ");
    page.put("aria-label=\"Places of {}\">\n", &[&whose]);
    page.raw("<table><thead><tr><th scope=\"col\">Device</th><th scope=\"col\" class=\"n\">Place</th><th scope=\"col\" class=\"n\">Places</th><th scope=\"col\">Holds</th>");
    page.raw("<th scope=\"col\">What is there</th><th scope=\"col\">Written by</th><th scope=\"col\">Lost</th></tr></thead>\n<tbody>\n");
    for sector in picture.sectors.iter().take(ROWS_MAX) {
        let device = picture.devices.get(usize::from(sector.device));
        let name = device.map_or("", |device| device.name.as_str());
        let place = place_name(device, sector.first);
        let (class, holds, meaning) = words::holds(sector.holds);
        let lost = sector.lost.iter().take(8).map(|event| format!("#{event}")).collect::<Vec<_>>().join(", ");
        let written = sector.written_by.map_or_else(String::new, |event| format!("#{event}"));
        page.put("<tr class=\"{}\"><td>{}</td><td class=\"n\">{}</td>", &[&class, &name, &place]);
        page.put("<td class=\"n\">{}</td><td>{}: {}</td>", &[&sector.count, &holds, &meaning]);
        page.put("<td>{}</td><td>{}</td><td>{}</td></tr>\n", &[&sector.what, &written, &lost]);
    }
    page.raw("</tbody></table>\n</div>\n");
    if picture.sectors.len() > ROWS_MAX {
        page.put("<p>{} more rows are in report.json.</p>\n", &[&(picture.sectors.len() - ROWS_MAX)]);
    }
    page.raw("</details>\n");
}
