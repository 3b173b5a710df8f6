//! The one table of hosts: who gets credentials, and who does not however close the name looks.
//!
//! Beside Rapid7's hosts, [`layer`] trusts two origins on loopback.

use tower_logentries_auth::LogentriesAuthLayer;

/// A layer that trusts Rapid7's hosts and two origins on loopback.
pub(crate) fn layer() -> LogentriesAuthLayer {
    let layer = super::layer().trust_origin("http://127.0.0.1:8080");
    layer.and_then(|layer| layer.trust_origin("http://[::1]:8080")).unwrap()
}

/// Rapid7's hosts, known regions and new ones, in every spelling.
pub(crate) fn trusted() -> Vec<String> {
    let regions = ["us", "us2", "us3", "eu", "ca", "au", "ap", "a-new-1"];
    let regional = regions
        .map(|region| ["rest.logs", "api"].map(|service| format!("https://{region}.{service}.insight.rapid7.com")));
    let others = [
        "https://rest.logentries.com",
        "https://rest.logentries.com:443",
        "https://REST.LogEntries.com",
        "HTTPS://rest.logentries.com",
        "https://EU.REST.LOGS.INSIGHT.RAPID7.COM:443",
    ];
    regional.concat().into_iter().chain(others.map(str::to_owned)).collect()
}

/// Rapid7's hosts over plain http.
pub(crate) const INSECURE: &[&str] = &[
    "http://rest.logentries.com",
    "http://rest.logentries.com:443",
    "HTTP://REST.LOGENTRIES.COM",
    "http://rest.logentries.com.",
    "http://eu.api.insight.rapid7.com.:8080",
    "http://eu.rest.logs.insight.rapid7.com",
    "http://eu.api.insight.rapid7.com",
];

/// Origins that are not trusted, however close they look.
pub(crate) const UNTRUSTED: &[&str] = &[
    "https://evil.example",
    "HTTPS://EVIL.EXAMPLE",
    // Another port.
    "https://rest.logentries.com:0",
    "https://rest.logentries.com:80",
    "https://rest.logentries.com:8443",
    "https://us.rest.logs.insight.rapid7.com:8443",
    "https://eu.api.insight.rapid7.com:8443",
    // Another name.
    "https://rest.logentries.com.evil.example",
    "HTTPS://REST.LOGENTRIES.COM.EVIL.EXAMPLE",
    "https://evilrest.logentries.com",
    "https://evil.rest.logentries.com",
    "https://rest-logentries.com",
    "https://logentries.com",
    "https://rest.logs.insight.rapid7.com",
    "https://.rest.logs.insight.rapid7.com",
    "https://evilrest.logs.insight.rapid7.com",
    "https://evil.us.rest.logs.insight.rapid7.com",
    "https://a_b.rest.logs.insight.rapid7.com",
    "https://us.rest.logs.insight.rapid7.com.evil.example",
    // Other services of Rapid7's.
    "https://api.insight.rapid7.com",
    "https://a.eu.api.insight.rapid7.com",
    "https://eu.idr.insight.rapid7.com",
    "https://eu.data.logs.insight.rapid7.com",
    "https://api.logentries.com",
    "https://pull.logentries.com",
    "https://data.logentries.com",
    // A trailing dot.
    "https://rest.logentries.com.",
    "https://rest.logentries.com.:443",
    "https://us.rest.logs.insight.rapid7.com.",
    "https://eu.api.insight.rapid7.com.",
    "http://127.0.0.1.:8080",
    // Another scheme, address or port than those that are trusted on loopback.
    "http://127.0.0.1",
    "http://127.0.0.2:8080",
    "https://127.0.0.1",
    "https://127.0.0.1:8080",
    "http://[::1]",
    "http://[::1]:8081",
    "https://[::1]",
    "https://[::1]:8080",
    "https://[::1]:8443",
    "http://[::2]:8080",
    "http://[::ffff:127.0.0.1]:8080",
    "http://[::1%25evil]:8080",
    // Internationalized names that look like Rapid7's.
    "https://rest.xn--lgentries-xbh.com",
    "https://xn--rest-.logentries.com",
];

/// Authorities that two readers could take for two hosts, and schemes that nobody sends credentials over.
pub(crate) const AMBIGUOUS: &[&str] = &[
    "https://@rest.logentries.com",
    "https://user@rest.logentries.com",
    "https://user:password@rest.logentries.com",
    "https://user:password@rest.logentries.com:443",
    "https://rest.logentries.com@evil.example",
    "https://rest.logentries.com:443@evil.example",
    "https://rest.logentries.com@rest.logentries.com",
    "https://rest.logentries.com:443@rest.logentries.com",
    "http://127.0.0.1:8080@evil.example",
    "https://rest.logentries.com:",
    "https://rest.logentries.com:65536",
    "https://rest.logentries.com:99999999999999999999",
    "https://rest.logentries.com:+443",
    "ftp://rest.logentries.com",
    "wss://rest.logentries.com",
];

/// Every origin that gets no credentials.
pub(crate) fn not_trusted() -> impl Iterator<Item = &'static str> {
    [INSECURE, UNTRUSTED, AMBIGUOUS].into_iter().flatten().copied()
}
