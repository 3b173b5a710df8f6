//! Ratios from what criterion timed.

use std::{fs, path::PathBuf};

use serde_json::Value;

/// Prints how much longer `one` took than `other` in a group that was just timed, beside the goal.
pub(crate) fn print_ratio(group: &str, one: &str, other: &str, goal: &str) {
    if let Some((one_ns, other_ns)) = median(group, one).zip(median(group, other)) {
        println!("{group:<28} {one} / {other}: {:>5.2}   {goal}", one_ns / other_ns);
    }
}

/// The median of a case that was timed, in nanoseconds.
pub(crate) fn median(group: &str, function: &str) -> Option<f64> {
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| PathBuf::from("target"), PathBuf::from);
    let path = target.join("criterion").join(group).join(function).join("new/estimates.json");
    let estimates: Value = serde_json::from_slice(&fs::read(path).ok()?).ok()?;
    estimates["median"]["point_estimate"].as_f64()
}
