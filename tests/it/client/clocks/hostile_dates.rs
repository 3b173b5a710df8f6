//! Answers that must not move the clock.

use http::HeaderValue;
use tower_logentries_auth::sign::UntrustedOrigins;

use super::*;

/// A `Date` 20 minutes ahead of the client's, which a refusal would be believed with.
fn ahead() -> String {
    date(SIGNED_AT.checked_add_signed(TWENTY_MINUTES).unwrap())
}

/// Lets a server give this answer, and returns the offset that the layer then has for it.
async fn offset_after(answer: impl Fn() -> Response<Body> + Clone + Send + Sync + 'static) -> i64 {
    let (origin, _) = record_and(move |_| answer()).await;
    let layer = layer_for(&origin).clock(at(SIGNED_AT));
    let response = get(&layer, &origin, USERS).await;
    assert_eq!(corrected(&response), (layer.clock_offset_secs(&origin).unwrap() != 0).then_some(TWENTY_MINUTES));
    layer.clock_offset_secs(&origin).unwrap()
}

#[tokio::test]
async fn only_401_403_and_404_correct() {
    for status in [200, 204, 302, 400, 405, 407, 419, 429, 500, 503] {
        let answer = move || Response::builder().status(status).header("date", ahead()).body(Body::empty()).unwrap();
        assert_eq!(offset_after(answer).await, 0, "{status}");
    }
    for status in [401, 403, 404] {
        let answer = move || Response::builder().status(status).header("date", ahead()).body(Body::empty()).unwrap();
        assert_eq!(offset_after(answer).await, TWENTY_MINUTES, "{status}");
    }
}

#[tokio::test]
async fn only_imf_fixdate_corrects() {
    for garbage in [
        "",
        "soon",
        "1503002184",
        "2017-08-17T20:36:24Z",
        "Thursday, 17-Aug-17 20:36:24 GMT",
        "Thu Aug 17 20:36:24 2017",
        "Mon, 17 Aug 2017 20:36:24 GMT",
        "Thu, 17 Aug 2017 20:36:24 UTC",
        "Thu, 17 Aug 2017 20:36:24 GMT, Thu, 17 Aug 2017 20:36:24 GMT",
        "Thu, 99 Aug 2017 20:36:24 GMT",
        "Thu, 01 Jan 1970 00:00:00 GMT",
        "Sat, 17 Aug 2117 20:36:24 GMT",
        "Fri, 31 Dec 9999 23:59:59 GMT",
        "Fri, 31 Dec 99999 23:59:59 GMT",
        "Thu, 17 Aug 2017 20:36:24 GMT\u{e9}",
    ] {
        let answer = move || {
            let date = HeaderValue::from_bytes(garbage.as_bytes()).unwrap();
            Response::builder().status(401).header("date", date).body(Body::empty()).unwrap()
        };
        assert_eq!(offset_after(answer).await, 0, "{garbage:?}");
    }
}

#[tokio::test]
async fn duplicate_dates_do_not_correct() {
    let answer = || {
        let mut response = refusal(&ahead());
        response.headers_mut().append("date", ahead().parse().unwrap());
        response
    };
    assert_eq!(offset_after(answer).await, 0);
}

#[tokio::test]
async fn cached_response_does_not_correct() {
    let answer = || {
        let mut response = refusal(&ahead());
        response.headers_mut().insert("age", HeaderValue::from_static("0"));
        response
    };
    assert_eq!(offset_after(answer).await, 0);
}

#[tokio::test]
async fn api_key_rejection_does_not_correct() {
    let origin = refusing_server_off_by(TWENTY_MINUTES).await;
    let layer = layer_for(&origin).clock(at(SIGNED_AT));
    assert_eq!(corrected(&get(&layer, &origin, LOGS).await), None);
    assert_eq!(layer.clock_offset_secs(&origin).unwrap(), 0);
}

#[tokio::test]
async fn untrusted_origin_does_not_correct() {
    let origin = refusing_server_off_by(TWENTY_MINUTES).await;
    let layer = LogentriesAuthLayer::new(credentials())
        .untrusted_origins(UntrustedOrigins::StripCredentials)
        .clock(at(SIGNED_AT));
    assert_eq!(corrected(&get(&layer, &origin, USERS).await), None);
    assert_eq!(layer.clock_offset_secs(&origin).unwrap(), 0);
}

#[tokio::test]
async fn redirect_to_untrusted_origin_does_not_correct() {
    use reqwest::redirect::Policy;

    let foreign = refusing_server_off_by(TWENTY_MINUTES).await;
    let location = format!("{foreign}{USERS}");
    let (origin, _) =
        record_and(move |_| Response::builder().status(307).header("location", &location).body(Body::empty()).unwrap())
            .await;
    let layer = layer_for(&origin).trust_origin(&foreign).unwrap().clock(at(SIGNED_AT));
    let client = layer.layer(crate::support::clients::builder().redirect(Policy::default()).build().unwrap());

    let request = |origin| reqwest::Request::new(http::Method::GET, format!("{origin}{USERS}").parse().unwrap());
    let response = client.clone().oneshot(request(&origin)).await.unwrap();
    assert_eq!((response.status(), response.url().as_str()), (StatusCode::UNAUTHORIZED, &*format!("{foreign}{USERS}")));
    assert_eq!(layer.clock_offset_secs(&origin).unwrap(), 0);
    assert_eq!(layer.clock_offset_secs(&foreign).unwrap(), 0);

    // The same server, asked directly, is believed: that is what the redirect was held back from.
    client.oneshot(request(&foreign)).await.unwrap();
    assert_eq!(layer.clock_offset_secs(&foreign).unwrap(), TWENTY_MINUTES);
}
