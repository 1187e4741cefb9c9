//! Who gets in, and what a request must look like.

use axum::Router;
use axum::body::Body;
use axum::routing::get;
use http::{Request, StatusCode};
use serde_json::{Value, json};
use tower::ServiceExt as _;

use crate::rig::{ADMIN, Rig};

#[tokio::test]
async fn only_the_admin_token_opens_the_door() {
    let rig = Rig::new().await;
    let project = rig.project().await;
    let key = rig.expect("POST", &format!("{project}/keys"), json!({"name": "k"}), 201).await["key"].clone();
    let project_key = format!("Bearer {}", key.as_str().unwrap());
    let good = format!("Bearer {ADMIN}");
    let cases: &[(&[&str], u16)] = &[
        (&[], 401),
        (&[""], 401),
        (&["Bearer"], 401),
        (&["Bearer "], 401),
        (&["Bearer wrong"], 401),
        (&[ADMIN], 401),
        (&["Basic YWRtaW46"], 401),
        (&["Bearer admin-token-of-the-test"], 401),
        (&["Bearer admin-token-of-the-testsx"], 401),
        (&[&good, &good], 401),
        (&[&project_key], 403),
        (&[&good], 200),
        (&["bearer admin-token-of-the-tests"], 200),
    ];
    for (headers, status) in cases {
        for path in ["/api/v1/projects", "/api/v1/openapi.json"] {
            let mut request = Request::builder().uri(path);
            for header in *headers {
                request = request.header("authorization", *header);
            }
            let reply = rig.send(request.body(Body::empty()).unwrap()).await;
            assert_eq!(reply.status, *status, "{headers:?} {path}");
            if *status == 401 {
                assert_eq!(reply.headers["www-authenticate"], "Bearer");
                assert_eq!(reply.body["error"]["code"], "unauthenticated");
            }
        }
    }
}

#[tokio::test]
async fn without_the_token_nothing_tells_what_exists() {
    let rig = Rig::new().await;
    for (method, path) in [
        ("GET", "/api/v1/projects/proj_1"),
        ("GET", "/api/v1/nothing"),
        ("GET", "/api/v1"),
        ("GET", "/api/v1/"),
        ("PUT", "/api/v1/projects"),
        ("POST", "/api/v1/projects"),
    ] {
        let request = Request::builder().method(method).uri(path).body(Body::empty()).unwrap();
        assert_eq!(rig.send(request).await.status, 401, "{method} {path}");
    }
}

#[tokio::test]
async fn what_is_not_there_is_told_in_the_envelope() {
    let rig = Rig::new().await;
    let project = rig.project().await;
    for path in ["", "/", "/nothing", "/projects/", "/projects/x/y/z", &format!("{project}/purses"), "/projects/%ff"] {
        let reply = rig.call("GET", path, None).await;
        assert_eq!((reply.status.as_u16(), reply.body["error"]["code"].as_str()), (404, Some("not_found")), "{path}");
    }
    for (method, path) in [("PUT", "/projects"), ("POST", "/openapi.json"), ("DELETE", &format!("{project}/alerts"))] {
        let reply = rig.call(method, path, None).await;
        assert_eq!(reply.status, 405, "{method} {path}");
        assert!(reply.headers.contains_key("allow"), "{method} {path}");
    }
}

#[tokio::test]
async fn a_bad_id_is_an_id_of_nothing() {
    let rig = Rig::new().await;
    let project = rig.project().await;
    let unknown = "0199a0d4c1c37d1f8b7c2f5f0c9d3e21";
    for path in [
        "/projects/nonsense".to_owned(),
        format!("/projects/proj_{unknown}"),
        format!("/projects/{}", project.trim_start_matches("/projects/").to_uppercase()),
        format!("/projects/proj_{unknown}/keys"),
        format!("/projects/proj_{unknown}/alerts"),
        format!("{project}/alerts/alr_{unknown}"),
        format!("{project}/alerts/..%2f..%2fprojects"),
        format!("{project}/deliveries/dlv_{unknown}"),
        format!("{project}/deliveries/alr_{unknown}"),
        format!("{project}/webhooks/whe_{unknown}"),
        format!("{project}/webhooks/%00"),
        format!("{project}/providers/none"),
    ] {
        rig.refused("GET", &path, json!(null), 404, "not_found", "").await;
    }
    for path in ["keys/key_", "keys/", "webhooks/whe_", "providers/"] {
        rig.refused("DELETE", &format!("{project}/{path}{unknown}"), json!(null), 404, "not_found", "").await;
    }
}

#[tokio::test]
async fn a_body_must_be_small_json_that_says_so() {
    let rig = Rig::new().await;
    let json = "application/json";
    let large = format!("{{\"name\":\"{}\"}}", "x".repeat(1024 * 1024));
    let deep = format!("{{\"name\":{}", "[".repeat(100_000));
    let cases: &[(&str, &str, u16, &str)] = &[
        (json, r#"{"name":"x"}"#, 201, ""),
        ("Application/JSON; charset=utf-8", r#"{"name":"x"}"#, 201, ""),
        ("text/plain", r#"{"name":"x"}"#, 415, "unsupported_media_type"),
        ("application/x-www-form-urlencoded", "name=x", 415, "unsupported_media_type"),
        ("", r#"{"name":"x"}"#, 415, "unsupported_media_type"),
        (json, "", 400, "malformed_json"),
        (json, "{\n  \"name\": canary-4711\n}", 400, "malformed_json"),
        (json, r#"{"name":"x"} trailing"#, 400, "malformed_json"),
        (json, r#"{"name":"\ud800"}"#, 400, "malformed_json"),
        (json, &deep, 400, "malformed_json"),
        (json, "[]", 422, "invalid_field"),
        (json, "\"name\"", 422, "invalid_field"),
        (json, r#"{"name":"x","name":"y"}"#, 400, "malformed_json"),
        (json, &large, 413, "body_too_large"),
    ];
    for (content_type, body, status, code) in cases {
        let request = Request::builder()
            .method("POST")
            .uri("/api/v1/projects")
            .header("authorization", format!("Bearer {ADMIN}"))
            .header("content-type", *content_type)
            .body(Body::from((*body).to_owned()))
            .unwrap();
        let reply = rig.send(request).await;
        let shown: String = body.chars().take(40).collect();
        assert_eq!(reply.status, *status, "{content_type} {shown}: {}", reply.body);
        assert_eq!(reply.body["error"]["code"].as_str().unwrap_or(""), *code, "{shown}");
        assert!(!reply.body.to_string().contains("canary-4711"), "{}", reply.body);
    }
    let malformed = rig.heard.lock().unwrap().iter().any(|answer| answer.contains("line 2, column 11"));
    assert!(malformed, "the place of the fault is told");
}

/// Every body's schema lists exactly the fields that its reader knows.
#[tokio::test]
async fn the_document_and_the_readers_know_the_same_fields() {
    let rig = Rig::new().await;
    let project = rig.project().await;
    let webhooks = format!("{project}/webhooks");
    let hook = rig.expect("POST", &webhooks, json!({"url": "https://hooks.example.com/x"}), 201).await;
    let hook = format!("{webhooks}/{}", hook["id"].as_str().unwrap());
    let document = rig.get("/openapi.json").await;
    let cases = [
        ("POST", "/projects".to_owned(), json!({"name": "x", "zzz": 1}), "NewProject"),
        ("PATCH", project.clone(), json!({"zzz": 1}), "ProjectPatch"),
        ("PATCH", project.clone(), json!({"policy": {"zzz": 1}}), "PolicyBody"),
        ("PATCH", project.clone(), json!({"policy": {"dlp": {"zzz": 1}}}), "DlpBody"),
        ("PATCH", project.clone(), json!({"policy": {"injection": {"zzz": 1}}}), "InjectionBody"),
        ("PATCH", project.clone(), json!({"policy": {"response": {"zzz": 1}}}), "ResponseBody"),
        ("PATCH", project.clone(), json!({"policy": {"fail": {"zzz": 1}}}), "FailBody"),
        ("PATCH", project.clone(), json!({"policy": {"loop": {"zzz": 1}}}), "LoopBody"),
        ("PATCH", project.clone(), json!({"policy": {"loop": {"transcript": {"zzz": 1}}}}), "LoopTranscriptBody"),
        ("PATCH", project.clone(), json!({"policy": {"loop": {"session": {"zzz": 1}}}}), "LoopSessionBody"),
        ("POST", format!("{project}/keys"), json!({"name": "x", "zzz": 1}), "NewKey"),
        ("PUT", format!("{project}/providers/p"), json!({"zzz": 1}), "ProviderBody"),
        ("POST", webhooks.clone(), json!({"zzz": 1}), "NewWebhook"),
        ("PATCH", hook.clone(), json!({"zzz": 1}), "WebhookPatch"),
        ("POST", format!("{hook}/rotate-secret"), json!({"zzz": 1}), "Rotation"),
    ];
    for (method, path, body, schema) in cases {
        let answer = rig.expect(method, &path, body, 422).await;
        assert_eq!(answer["error"]["code"], "unknown_field", "{method} {path}: {answer}");
        let mut known: Vec<_> =
            answer["error"]["hint"].as_str().unwrap().trim_start_matches("known: ").split(", ").collect();
        let schema_text = &document["components"]["schemas"][schema];
        assert_eq!(schema_text["additionalProperties"], false, "{schema}");
        let described = schema_text["properties"].as_object().unwrap();
        let mut described: Vec<_> = described.keys().map(String::as_str).collect();
        known.sort_unstable();
        described.sort_unstable();
        assert_eq!(known, described, "{schema}");
    }
}

/// The shell merges this router with others and has a fallback of its own.
#[tokio::test]
async fn the_router_merges_into_another_and_keeps_to_its_prefix() {
    let rig = Rig::new().await;
    let whole =
        Router::new().route("/health", get(async || "well")).fallback(async || (StatusCode::IM_A_TEAPOT, "shell"));
    let whole = whole.merge(rig.router.clone());
    for (path, status) in [("/health", 200), ("/elsewhere", 418), ("/api", 418), ("/api/v1/elsewhere", 401)] {
        let request = Request::builder().uri(path).body(Body::empty()).unwrap();
        assert_eq!(whole.clone().oneshot(request).await.unwrap().status(), status, "{path}");
    }
}

#[tokio::test]
async fn a_store_that_fails_is_told_without_its_reasons() {
    let rig = Rig::new().await;
    let project = rig.project().await;
    rig.store.close().await;
    for (method, path, body) in [
        ("POST", "/projects".to_owned(), json!({"name": "x"})),
        ("POST", format!("{project}/keys"), json!({"name": "x"})),
        ("DELETE", project.clone(), Value::Null),
    ] {
        let answer = rig.refused(method, &path, body, 503, "store_unavailable", "").await;
        assert!(!answer.to_string().contains("closed"), "{answer}");
    }
}
