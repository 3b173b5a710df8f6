//! The guide's page shows what these programs are made of.
#![allow(clippy::unwrap_used)] // a test that can't go on should stop

const PAGE: &str = include_str!("../../../src/guide/other_clients.md");
const PROGRAMS: [&str; 2] = [include_str!("../src/bin/ureq.rs"), include_str!("../src/bin/reqwest_0_12.rs")];

#[test]
fn page_shows_the_programs() {
    let shown: Vec<_> = PAGE.split("```ignore\n").skip(1).map(|rest| rest.split("\n```").next().unwrap()).collect();
    assert!(shown.iter().all(|shown| PROGRAMS.iter().any(|program| program.contains(shown))), "{shown:#?}");
    assert!(PROGRAMS.iter().all(|program| shown.iter().any(|shown| program.contains(shown))));
}
