//! The example of that name, run as a user runs it.

use crate::support::child;

#[tokio::test]
async fn accounts_share_connections_and_clock_and_no_keys() {
    let ran = child::run("many_accounts", &[]).await;
    assert_eq!((ran.code, &*ran.stderr), (Some(0), ""), "{ran:?}");
    let users = |account: &str, year: &str| format!("{account}: 200 OK, signed with the key of {year}");
    let lines = [
        users("acme", "2025"),
        users("globex", "2025"),
        users("initech", "2025"),
        users("acme", "2025"),
        users("globex", "2026"),
        users("initech", "2025"),
    ];
    let mut printed = ran.stdout.lines();
    assert_eq!(printed.by_ref().take(lines.len()).collect::<Vec<_>>(), lines, "{ran:?}");
    let numbers = printed.flat_map(str::split_whitespace).filter_map(|word| word.parse::<usize>().ok());
    let [requests, connections, rejected, offset_secs] = numbers.collect::<Vec<_>>().try_into().unwrap();
    // Six, an extra attempt of each account after its 503, and one after the clock was corrected.
    assert_eq!((requests, rejected), (10, 1), "{ran:?}");
    assert!(connections < requests, "{ran:?}");
    assert!((599..=601).contains(&offset_secs), "{ran:?}"); // a Date has whole seconds
}
