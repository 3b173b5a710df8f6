//! The guide's page shows what these programs are made of.
#![allow(clippy::unwrap_used)] // a test that can't go on should stop

const PAGE: &str = include_str!("../../../src/guide/other_clients.md");
const PROGRAMS: [&str; 2] = [include_str!("../src/bin/ureq.rs"), include_str!("../src/bin/reqwest_0_12.rs")];

#[test]
fn page_shows_the_programs() {
    let shown: Vec<_> = PAGE.split("```ignore\n").skip(1).map(|rest| rest.split("\n```").next().unwrap()).collect();
    assert_eq!(shown.len(), PROGRAMS.len());
    for (shown, program) in shown.into_iter().zip(PROGRAMS) {
        assert!(program.contains(shown), "not in the program:\n{shown}");
    }
}
