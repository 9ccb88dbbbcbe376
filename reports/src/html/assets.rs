//! The style and the script of the page, and the policy that allows these two and nothing else.

use super::markup::Markup;

const STYLE: &str = include_str!("../../assets/report.css");
const SCRIPT: &str = include_str!("../../assets/report.js");

/// The marks that drawings use, each drawn once.
const SYMBOLS: &str = include_str!("../../assets/symbols.svg");

/// SHA-256 of the script, in base64, as a content security policy names it. A test says what it has to be.
const SCRIPT_HASH: &str = "sha256-nRZD9I2LwtakGRWR/k0dcWQKrQ0sR913F4mtZ1gHHCc=";

/// Forbids every request and every script but the one of this page. Styles are not named by their hash, because one that got
/// in could do nothing without a request.
pub(super) fn policy(page: &mut Markup) {
    page.put(
        "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'; \
         script-src '{}'; img-src data:; base-uri 'none'; form-action 'none'\">\n",
        &[&SCRIPT_HASH],
    );
}

pub(super) fn style(page: &mut Markup) {
    page.raw("<style>\n");
    page.raw(STYLE);
    page.raw("</style>\n");
}

/// At the end of the body: everything is readable before it runs, and without it.
pub(super) fn script(page: &mut Markup) {
    page.raw("<script>");
    page.raw(SCRIPT);
    page.raw("</script>\n");
}

pub(super) fn symbols(page: &mut Markup) {
    page.raw(SYMBOLS);
}

#[cfg(test)]
mod tests {
    use super::*;
    use sha2::{Digest, Sha256};

    fn base64(bytes: &[u8]) -> String {
        const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
        let letters = |chunk: &[u8]| {
            let bits =
                chunk.iter().fold(0u32, |bits, byte| bits << 8 | u32::from(*byte)) << (8 * (3 - chunk.len()));
            let letter = |place: usize| char::from(LETTERS[(bits >> (18 - 6 * place) & 63) as usize]);
            (0..4).map(|place| if place <= chunk.len() { letter(place) } else { '=' }).collect::<String>()
        };
        bytes.chunks(3).map(letters).collect()
    }

    #[test]
    fn the_policy_names_the_script_that_is_there() {
        assert_eq!(SCRIPT_HASH, format!("sha256-{}", base64(&Sha256::digest(SCRIPT))));
    }

    #[test]
    fn nothing_in_the_assets_ends_them_early_or_asks_for_anything() {
        for asset in [STYLE, SCRIPT] {
            assert!(!asset.contains("</") && !asset.contains("<!--"), "it would end its element");
        }
        for asset in [STYLE, SCRIPT, SYMBOLS] {
            for request in ["http:", "https:", "@import", "url(", "fetch(", "XMLHttp", "import("] {
                assert!(!asset.contains(request), "{request}");
            }
        }
    }
}
