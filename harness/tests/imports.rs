//! Modules import downwards: within the crate, and within each of its folders, no arrow leads back.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

/// What a module uses, by its path: `media::group` uses `media::layout`.
type Arrows = BTreeMap<String, BTreeSet<String>>;

/// A trait and what its methods are given cannot stand one above the other.
const TOGETHER: [&str; 2] = ["judge", "system"];

/// What only tests are made of may look at everything.
fn is_of_tests(module: &str) -> bool {
    module.split("::").any(|part| ["tests", "brute_force", "scale"].contains(&part))
}

/// The source of every module but the root, by its path, without comments and unit tests.
fn sources(folder: &Path, above: &str, found: &mut BTreeMap<String, String>) {
    for entry in fs::read_dir(folder).expect("a folder of the crate") {
        let path = entry.expect("an entry").path();
        let stem = path.file_stem().and_then(|stem| stem.to_str()).expect("a name in UTF-8");
        let module = match stem {
            "mod" | "lib" => above.to_owned(),
            _ if above.is_empty() => stem.to_owned(),
            _ => format!("{above}::{stem}"),
        };
        if path.is_dir() {
            sources(&path, &module, found);
        } else if !module.is_empty() && !is_of_tests(&module) {
            let text = fs::read_to_string(&path).expect("a source file");
            let code = text.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default();
            let code = code.lines().filter(|line| !line.trim_start().starts_with("//"));
            found.insert(module, code.collect::<Vec<_>>().join("\n"));
        }
    }
}

/// The paths of a `use`, one for each name: `a::{b, c::d}` is `a::b` and `a::c::d`.
fn paths(tree: &str) -> Vec<String> {
    let Some((before, rest)) = tree.split_once('{') else { return vec![tree.to_owned()] };
    let inner = rest.rsplit_once('}').map_or(rest, |(inner, _)| inner);
    let (mut depth, mut parts) = (0, vec![String::new()]);
    for c in inner.chars() {
        match c {
            ',' if depth == 0 => parts.push(String::new()),
            _ => {
                depth += i32::from(c == '{') - i32::from(c == '}');
                parts.last_mut().expect("one at least").push(c);
            }
        }
    }
    let parts = parts.iter().filter(|part| !part.is_empty());
    parts.flat_map(|part| paths(&format!("{before}{part}"))).collect()
}

/// What the code of a module names of this crate, as paths from its root.
fn named(module: &str, code: &str) -> Vec<String> {
    let mut named = Vec::new();
    for statement in code.split(';') {
        let Some((_, tree)) = statement.rsplit_once("use ").filter(|(before, _)| before.trim().is_empty())
        else {
            let inline = statement.split("crate::").skip(1);
            named.extend(
                inline
                    .map(|rest| rest.split(|c: char| c != ':' && c != '_' && !c.is_alphanumeric()))
                    .filter_map(|mut parts| parts.next().map(str::to_owned)),
            );
            continue;
        };
        for path in paths(&tree.split_whitespace().collect::<String>()) {
            let mut here: Vec<&str> = module.split("::").collect();
            let mut path = path.as_str();
            if let Some(rest) = path.strip_prefix("crate::") {
                (here, path) = (Vec::new(), rest);
            } else if !path.starts_with("super::") && !path.starts_with("self::") {
                continue;
            }
            while let Some(rest) = path.strip_prefix("super::") {
                here.pop();
                path = rest;
            }
            here.push(path.trim_start_matches("self::"));
            named.push(here.join("::"));
        }
    }
    named
}

/// The arrows between the modules of the crate. What the root exports is not for those below it.
fn arrows(sources: &BTreeMap<String, String>) -> Arrows {
    let mut arrows = Arrows::new();
    for (module, code) in sources {
        for path in named(module, code) {
            let parts: Vec<&str> = path.split("::").collect();
            let known = (1..=parts.len()).rev().map(|count| parts[..count].join("::"));
            let used = known.into_iter().find(|path| sources.contains_key(path));
            let used = used
                .unwrap_or_else(|| panic!("{module} imports {path}, which the root exports from elsewhere"));
            arrows.entry(module.clone()).or_default().insert(used);
        }
    }
    arrows
}

/// The arrows between the modules right below a folder, or below the root of the crate.
fn within(folder: &str, arrows: &Arrows) -> Arrows {
    let child = |module: &str| {
        let below = match folder {
            "" => module,
            _ => module.strip_prefix(folder)?.strip_prefix("::")?,
        };
        below.split("::").next().map(str::to_owned)
    };
    let mut found = Arrows::new();
    for (from, used) in arrows {
        for (from, to) in used.iter().filter_map(|to| child(from).zip(child(to))) {
            if from != to && !(folder.is_empty() && TOGETHER.contains(&&*from) && TOGETHER.contains(&&*to)) {
                found.entry(from).or_default().insert(to);
            }
        }
    }
    found
}

/// The modules that are on a circle, or lead to one: what is left when those are taken away that import nothing, and then
/// again.
fn circles(mut arrows: Arrows) -> Arrows {
    loop {
        let above: BTreeSet<String> = arrows.keys().cloned().collect();
        let before = arrows.values().map(BTreeSet::len).sum::<usize>();
        arrows.values_mut().for_each(|used| used.retain(|module| above.contains(module)));
        arrows.retain(|_, used| !used.is_empty());
        if arrows.values().map(BTreeSet::len).sum::<usize>() == before {
            return arrows;
        }
    }
}

fn of_this_crate() -> Arrows {
    let mut found = BTreeMap::new();
    sources(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), "", &mut found);
    arrows(&found)
}

#[test]
fn modules_import_downwards() {
    let arrows = of_this_crate();
    let folders = ["", "media", "explore", "advise", "shrink", "descent", "disk", "strategy", "generated"];
    for folder in folders {
        let within = within(folder, &arrows);
        assert!(!folder.is_empty() || within.len() > 10, "the arrows are not found: {within:#?}");
        let circles = circles(within);
        assert!(circles.is_empty(), "in '{folder}': {circles:#?}");
    }
}

#[test]
fn an_arrow_that_leads_back_is_found() {
    let mut arrows = of_this_crate();
    let used = arrows.entry("media::layout".to_owned()).or_default();
    used.insert("media::timeline".to_owned());
    assert!(circles(within("media", &arrows)).contains_key("layout"));
}

#[test]
fn names_in_braces_are_names() {
    let code = "use super::{a::B, c::{D, E}};\nuse crate::x::Y;\nfn f() { crate::z::g() }";
    assert_eq!(named("m::n", code), ["m::a::B", "m::c::D", "m::c::E", "x::Y", "z::g"]);
}
