//! Requests as they arrived, judged by the Python that made the vectors.

use std::process::Stdio;

use axum::body::Body;
use http::Request;
use serde_json::json;
use tokio::{io::AsyncWriteExt, process::Command};
use tower::{Layer, ServiceExt};

use crate::support::{
    KEY_ID, OWNER_KEY, USERS, hyper_client, layer_for,
    server::{Received, record},
};

/// Takes the arguments of `vector` line by line, and prints what it says `authorization-api-key` should have been.
const SCRIPT: &str = r#"
import base64, contextlib, io, json, runpy, sys
with contextlib.redirect_stdout(io.StringIO()):
    vector = runpy.run_path(sys.argv[1])["vector"]
for line in sys.stdin:
    *arguments, body = json.loads(line)
    print(vector(*arguments, base64.b64decode(body))["authorization_api_key"])
"#;

/// What Python says of each request.
async fn judged_by_python(requests: &[Received]) -> Vec<String> {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/make_vectors.py");
    let mut command = Command::new("python3");
    command.args(["-c", SCRIPT, path]).stdin(Stdio::piped()).stdout(Stdio::piped()).kill_on_drop(true);
    let mut python = command.spawn().expect("this test needs python3");
    let mut stdin = python.stdin.take().unwrap();
    for received in requests {
        let body = base64::Engine::encode(&base64::engine::general_purpose::STANDARD, &received.body);
        let (method, target) = (&received.method, &received.target);
        let (content_type, date) = (received.header("content-type"), received.header("date"));
        let arguments = json!(["", KEY_ID, OWNER_KEY, method, target, content_type, date, body]);
        stdin.write_all(format!("{arguments}\n").as_bytes()).await.unwrap();
    }
    drop(stdin);
    let output = python.wait_with_output().await.unwrap();
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap().lines().map(str::to_owned).collect()
}

#[tokio::test]
#[ignore = "needs python3"]
async fn python_agrees_with_signed_requests() {
    let (origin, recording) = record().await;
    let client = layer_for(&origin).layer(hyper_client());
    let requests = [
        Request::get(format!("{origin}{USERS}")),
        Request::post(format!("{origin}{USERS}/?limit=5&q=/a/")),
        Request::put(format!("{origin}/management/accounts/a%20b%2Fc//../users")).header("content-type", "text/plain"),
        Request::delete(format!("{origin}/management/accounts/acme")),
        Request::patch(format!("{origin}{USERS}/%E6%97%A5")).header("date", "Thu, 17 Aug 2017 20:16:24 GMT"),
    ];
    let bodies = [&b""[..], "{\"name\":\"Zoë\"}".as_bytes(), b"\r\n\r\n", b"", b"\0\xff"];
    for (request, body) in requests.into_iter().zip(bodies) {
        let request = request.extension(tower_logentries_auth::Access::Owner).body(Body::from(body)).unwrap();
        client.clone().oneshot(request).await.unwrap();
    }
    let received = recording.take();
    let expected = judged_by_python(&received).await;
    let credentials: Vec<_> = received.iter().map(|r| r.header("authorization-api-key").unwrap()).collect();
    assert_eq!(credentials, expected);
}
