//! What each flush of a trace is good for, as a person reads it.

use super::{Align, Paper, escape, short, system, table};
use crashcheck_outcome::{Advice, AdvisedFlush, Need, counted};
use std::fmt::Write;

/// A line for each flush, and what that means.
pub fn advice(advice: &Advice, paper: Paper) -> String {
    let exploration = &advice.exploration;
    let (workload, profile) = (escape(&exploration.workload), escape(&exploration.profile));
    let mut text = format!("{}:{workload} under {profile}\n", system(exploration));
    let rows: Vec<Vec<String>> = advice.flushes.iter().map(row).collect();
    let heading = ["flush", "of", "during", "verdict", "without it"].map(|name| (name, Align::Left));
    text.push_str(&table(&heading, &rows, paper));
    let redundant = advice.flushes.iter().filter(|flush| matches!(flush.need, Need::Redundant { .. }));
    let _ = match redundant.count() {
        0 => writeln!(text, "every flush of this trace is needed, or not known to be redundant"),
        count => writeln!(
            text,
            "{count} of {} can go, each by itself, without any new finding in this trace; another workload may \
             need them",
            counted(advice.flushes.len() as u64, "flush")
        ),
    };
    text
}

fn row(flush: &AdvisedFlush) -> Vec<String> {
    let (verdict, without) = match &flush.need {
        Need::Needed { promise, detail } => ("needed", format!("{promise}: {detail}")),
        Need::Redundant { crash_states } => {
            ("redundant", format!("nothing new in {} crash states", short(crash_states)))
        }
        Need::Unknown { left_out } => ("not known", left_out.clone()),
    };
    let during = flush.flush.operation.clone().unwrap_or_else(|| "no operation".to_owned());
    vec![
        format!("#{}", flush.flush.event),
        escape(&flush.device),
        escape(&during),
        verdict.to_owned(),
        escape(&without),
    ]
}
