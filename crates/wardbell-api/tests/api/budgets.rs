//! Budgets: set, shown, topped up, released.

use std::sync::Arc;

use serde_json::{Value, json};
use wardbell_core::budget::reservation::UpperBound;
use wardbell_core::id::{KeyId, ProjectId};
use wardbell_core::money::Usd;
use wardbell_store::budget::{RequestName, Spender};
use wardbell_telemetry::ambient;

use crate::rig::Rig;

fn spender(path: &str, key: Option<&str>) -> Arc<Spender> {
    let project: ProjectId = path.rsplit('/').next().unwrap().parse().unwrap();
    let key = key.map_or_else(|| KeyId::mint(ambient::now(), ambient::entropy()), |key| key.parse().unwrap());
    Arc::new(Spender {
        project,
        key,
        user: None,
        session: None,
        model: "m".into(),
        request: RequestName::Callers("req_1".into()),
    })
}

const BOUND: UpperBound = UpperBound { input: Usd::from_nanos(400_000_000), output: Usd::from_nanos(600_000_000) };

#[tokio::test]
async fn a_balance_is_set_spent_refused_and_topped_up() {
    let rig = Rig::new().await;
    let project = rig.project().await;
    let path = format!("{project}/budget");
    let none = rig.get(&path).await;
    assert_eq!((&none["balance_usd"], &none["spent_usd"]), (&Value::Null, &json!(0.0)));
    let spender = spender(&project, None);
    rig.ledger.reserve(&spender, BOUND, ambient::now()).await.unwrap().release();

    let set = rig.expect("PUT", &path, json!({"balance_usd": 1.5, "minimum_usd": 0.25}), 200).await;
    let shown = json!({
        "scope": "project", "balance_usd": 1.5, "reserved_usd": 0.0, "spent_usd": 0.0, "minimum_usd": 0.25,
        "limit_usd": null, "period": "total", "resets_at": null, "alert_at_percent": [50, 80, 95],
    });
    assert_eq!(set, shown);
    let held = rig.ledger.reserve(&spender, BOUND, ambient::now()).await.unwrap();
    assert!(rig.ledger.reserve(&spender, BOUND, ambient::now()).await.is_err(), "it is in force at the answer");
    let during = rig.get(&path).await;
    assert_eq!((&during["balance_usd"], &during["reserved_usd"]), (&json!(1.5), &json!(1.0)));
    held.settle(Usd::from_nanos(700_000_001));
    let after = rig.get(&path).await;
    assert_eq!(after["spent_usd"].to_string(), "0.700000001");
    assert_eq!((&after["balance_usd"], &after["reserved_usd"]), (&json!(0.799_999_999), &json!(0.0)));
    let topped = rig.expect("POST", &format!("{path}/top-up"), json!({"amount_usd": 1}), 200).await;
    assert_eq!(topped["balance_usd"], json!(1.799_999_999));
    rig.ledger.reserve(&spender, BOUND, ambient::now()).await.unwrap().release();
    let reset = rig.expect("PUT", &path, json!({"balance_usd": 2}), 200).await;
    assert_eq!((&reset["balance_usd"], &reset["spent_usd"]), (&json!(2.0), &json!(0.700_000_001)));
    let alerts = rig.get(&format!("{project}/alerts")).await;
    let kinds: Vec<_> = alerts["data"].as_array().unwrap().iter().map(|alert| alert["kind"].clone()).collect();
    assert_eq!(kinds.iter().filter(|kind| **kind == "budget.exhausted").count(), 1, "{kinds:?}");
    let released = rig.expect("POST", &format!("{path}/release"), Value::Null, 200).await;
    assert_eq!(released, json!({"released_usd": 0.0}));
}

#[tokio::test]
async fn scopes_and_periods_have_budgets_of_their_own() {
    let rig = Rig::new().await;
    let project = rig.project().await;
    let key = rig.expect("POST", &format!("{project}/keys"), json!({"name": "k", "budget_usd": 0.5}), 201).await;
    let id = key["id"].as_str().unwrap();
    let shown = rig.get(&format!("{project}/budget?scope=key:{id}")).await;
    assert_eq!((&shown["balance_usd"], &shown["scope"]), (&json!(0.5), &json!(format!("key:{id}"))));
    assert!(rig.ledger.reserve(&spender(&project, Some(id)), BOUND, ambient::now()).await.is_err());
    rig.ledger.reserve(&spender(&project, None), BOUND, ambient::now()).await.unwrap().release();

    let daily = json!({"limit_usd": 3, "period": "day", "alert_at_percent": [90, 10, 90]});
    let each = rig.expect("PUT", &format!("{project}/budget?scope=user:*"), daily, 200).await;
    assert_eq!((&each["limit_usd"], &each["alert_at_percent"]), (&json!(3.0), &json!([10, 90])));
    assert!(each["resets_at"].is_string());
    let ann = rig.get(&format!("{project}/budget?scope=user:ann")).await;
    assert_eq!((&ann["scope"], &ann["balance_usd"], &ann["period"]), (&json!("user:ann"), &json!(3.0), &json!("day")));
    let top_up = format!("{project}/budget/top-up?scope=user:*");
    rig.refused("POST", &top_up, json!({"amount_usd": 1}), 409, "conflict", "").await;
}

#[tokio::test]
async fn budgets_are_listed_and_removed() {
    let rig = Rig::new().await;
    let project = rig.project().await;
    let scopes = ["model:<b>m</b>", "project", "user:*", "user:ann"];
    for scope in scopes {
        let path =
            format!("{project}/budget?scope={}", scope.replace('<', "%3C").replace('>', "%3E").replace('/', "%2F"));
        rig.expect("PUT", &path, json!({"limit_usd": 0.5, "period": "day"}), 200).await;
    }
    let listed = rig.get(&format!("{project}/budgets")).await;
    let seen: Vec<_> = listed["data"].as_array().unwrap().iter().map(|budget| budget["scope"].clone()).collect();
    assert_eq!(seen, scopes);
    let first = rig.get(&format!("{project}/budgets?limit=2")).await;
    assert_eq!(first["next_cursor"], "project");
    let rest = rig.get(&format!("{project}/budgets?limit=2&cursor=project")).await;
    assert_eq!((&rest["data"][0]["scope"], &rest["next_cursor"]), (&json!("user:*"), &Value::Null));

    let spender = spender(&project, None);
    assert!(rig.ledger.reserve(&spender, BOUND, ambient::now()).await.is_err());
    rig.expect("DELETE", &format!("{project}/budget"), Value::Null, 204).await;
    rig.ledger.reserve(&spender, BOUND, ambient::now()).await.unwrap().settle(Usd::from_nanos(1));
    rig.refused("DELETE", &format!("{project}/budget"), Value::Null, 404, "not_found", "").await;
    assert_eq!(rig.get(&format!("{project}/budgets")).await["data"].as_array().unwrap().len(), 3);
    // Set again, it holds at once.
    rig.expect("PUT", &format!("{project}/budget"), json!({"balance_usd": 0.25}), 200).await;
    assert!(rig.ledger.reserve(&spender, BOUND, ambient::now()).await.is_err());
}

#[tokio::test]
async fn a_wrong_budget_names_its_field() {
    let rig = Rig::new().await;
    let project = rig.project().await;
    let path = format!("{project}/budget");
    for (body, code, field) in [
        (json!({}), "missing_field", "balance_usd"),
        (json!({"balance_usd": "5"}), "invalid_field", "balance_usd"),
        (json!({"balance_usd": -1}), "invalid_field", "balance_usd"),
        (json!({"balance_usd": 0.000_000_000_1}), "invalid_field", "balance_usd"),
        (json!({"balance_usd": 1e300}), "invalid_field", "balance_usd"),
        (json!({"balance_usd": 1, "limit_usd": 1}), "invalid_field", "limit_usd"),
        (json!({"balance_usd": null, "period": "day"}), "invalid_field", "period"),
        (json!({"limit_usd": 1, "period": "year"}), "invalid_field", "period"),
        (json!({"limit_usd": 1, "alert_at_percent": [0]}), "invalid_field", "alert_at_percent"),
        (json!({"limit_usd": 1, "alert_at_percent": [50.5]}), "invalid_field", "alert_at_percent"),
        (json!({"balance": 1}), "unknown_field", "balance"),
        (json!({"balance_usd": 1, "minimum": 1}), "unknown_field", "minimum"),
    ] {
        rig.refused("PUT", &path, body, 422, code, field).await;
    }
    let body = json!({"balance_usd": 1});
    rig.refused("PUT", &format!("{path}?scope=team:a"), body, 422, "invalid_field", "scope").await;
    let top_up = format!("{path}/top-up");
    rig.refused("POST", &top_up, json!({"amount_usd": 0}), 422, "invalid_field", "amount_usd").await;
    rig.refused("POST", &top_up, json!({"amount_usd": 1}), 409, "conflict", "").await;
}
