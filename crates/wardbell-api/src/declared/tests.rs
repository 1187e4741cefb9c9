use serde_json::json;
use wardbell_core::policy::DlpMode;
use wardbell_store::endpoint::{Events, Format, RetryProfile, SignatureProfile};

use super::*;

fn read_all(projects: Value) -> Result<Vec<DeclaredProject>, Vec<Wrong>> {
    let egress = EgressPolicy::default();
    read(projects, Context { egress: &egress, mail_enabled: false, webhooks_per_project_max: 2 })
}

#[track_caller]
fn refused(projects: Value, field: &str, part: &str) {
    let wrongs = read_all(projects).unwrap_err();
    let [wrong] = wrongs.as_slice() else { panic!("{wrongs:?}") };
    assert_eq!(wrong.field, field, "{wrong:?}");
    assert!(wrong.wrong.contains(part) || wrong.hint.as_ref().is_some_and(|hint| hint.contains(part)), "{wrong:?}");
}

#[test]
fn a_declaration_means_what_the_same_body_would() {
    let projects = read_all(json!([{
        "slug": "support",
        "policy": {"dlp": {"action": "block"}},
        "webhooks": [
            {"slug": "oncall", "url": "https://hooks.slack.com/services/T/B/x"},
            {"slug": "raw", "url": "https://example.com/x", "format": "raw", "secret": "a plain text of theirs"},
        ],
    }]));
    let projects = projects.unwrap();
    let DeclaredProject { slug, name, policy, webhooks } = &projects[0];
    assert_eq!((slug.as_str(), name.as_str()), ("support", "support"));
    assert_eq!(policy.as_ref().unwrap().dlp.action, DlpMode::Block);
    let [oncall, raw] = webhooks.as_slice() else { panic!("{webhooks:?}") };
    assert_eq!((oncall.format, &oncall.events, oncall.retry), (Format::Slack, &Events::All, RetryProfile::Durable));
    assert!(oncall.options.include_preview && oncall.enabled && oncall.secret.is_none());
    assert_eq!(raw.signature, SignatureProfile::LockLlm);
    assert_eq!(raw.secret_overlap, Duration::from_hours(24));
}

#[test]
fn a_project_may_leave_its_policy_to_the_api() {
    let projects = read_all(json!([{"slug": "a", "name": "Team A"}])).unwrap();
    assert_eq!((projects[0].name.as_str(), &projects[0].policy), ("Team A", &None));
}

#[test]
fn what_is_wrong_is_told_with_its_place() {
    let hook = |more: Value| {
        let mut hook = json!({"slug": "h", "url": "https://example.com/x"});
        hook.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        json!([{"slug": "a", "webhooks": [hook]}])
    };
    refused(json!({"slug": "a"}), "projects", "list of tables");
    refused(json!(["a"]), "projects[0]", "must be a table");
    refused(json!([{}]), "projects[0].slug", "is needed");
    refused(json!([{"slug": "A b"}]), "projects[0].slug", "a-z");
    refused(json!([{"slug": "a"}, {"slug": "a"}]), "projects[1].slug", "another");
    refused(json!([{"slug": "a", "nmae": "x"}]), "projects[0].nmae", "did you mean `name`?");
    refused(json!([{"slug": "a", "policy": 1}]), "projects[0].policy", "must be a table");
    refused(json!([{"slug": "a", "policy": {"dlp": {"action": "no"}}}]), "projects[0].policy.dlp.action", "redact");
    refused(json!([{"slug": "a", "webhooks": [{"slug": "h"}]}]), "projects[0].webhooks[0].url", "is needed");
    refused(hook(json!({"url": "https://127.0.0.1/x"})), "projects[0].webhooks[0].url", "egress.allow");
    refused(hook(json!({"events": ["dlp.nothing"]})), "projects[0].webhooks[0].events", "must hold only");
    refused(hook(json!({"secret": "short"})), "projects[0].webhooks[0].secret", "whsec_");
    refused(hook(json!({"format": "email"})), "projects[0].webhooks[0].url", "is not for email");
    refused(hook(json!({"retrys": "aisg"})), "projects[0].webhooks[0].retrys", "did you mean `retry`?");
    let hooks = [1, 2, 3].map(|n| json!({"slug": format!("h{n}"), "url": "https://example.com/"}));
    let three = json!([{"slug": "a", "webhooks": hooks}]);
    refused(three, "projects[0].webhooks", "may have 2");
}

#[test]
fn everything_that_is_wrong_is_told_at_once_and_no_value_is_repeated() {
    let wrongs = read_all(json!([
        {"slug": "a", "policy": {"x": "canary"}, "webhooks": [{"slug": "h", "url": "canary", "secret": "canary"}]},
        {"slug": "b", "webhooks": [{"slug": "h", "url": "https://example.com/", "secret": "canary"}]},
    ]));
    let wrongs = wrongs.unwrap_err();
    let fields: Vec<_> = wrongs.iter().map(|wrong| wrong.field.as_str()).collect();
    assert_eq!(fields, ["projects[0].policy.x", "projects[0].webhooks[0].url", "projects[1].webhooks[0].secret"]);
    assert!(!format!("{wrongs:?}").contains("canary"), "{wrongs:?}");
}
