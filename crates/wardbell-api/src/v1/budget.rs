//! Budgets of a project and its scopes.

use axum::Json;
use axum::extract::State;
use http::StatusCode;
use serde::Serialize;
use utoipa::{IntoParams, ToSchema};
use wardbell_core::budget::{ALERT_AT_DEFAULT, Period, Scope, Terms};
use wardbell_core::money::Usd;
use wardbell_store::budget::{BudgetChange, BudgetStatus, Sum};
use wardbell_store::ledger::SILENT_AFTER;
use wardbell_telemetry::ambient;

use super::change::change;
use super::list::{self, List, PageParams};
use super::openapi::{BodyRefusals, Refusals};
use super::{Answer, Done};
use crate::Shared;
use crate::error::{ApiError, Fault, FieldError};
use crate::extract::{Body, InProject, Query};
use crate::fields::{Change, Fields, required};

/// The most shares at which a budget tells.
const ALERT_AT_MAX: usize = 10;

/// A budget and where it stands. Amounts are dollars, exact to nine decimals.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct BudgetAnswer {
    /// Whose budget it is.
    #[schema(example = "project")]
    scope: String,
    /// What is left: the limit without what was spent. Null where there is no limit.
    balance_usd: Option<f64>,
    /// What is set aside for requests under way: their upper bounds. It is part of the balance.
    reserved_usd: f64,
    /// What was spent in the present period.
    spent_usd: f64,
    /// What must stay: requests that might go below it are refused.
    minimum_usd: f64,
    /// The limit of a period; null for a balance.
    limit_usd: Option<f64>,
    /// The time over which spending counts: `total`, `day`, `week`, `month` (of UTC), or `rolling:<seconds>`.
    #[schema(example = "total")]
    period: String,
    /// When the period ends.
    #[schema(format = DateTime)]
    resets_at: Option<String>,
    /// The shares of the budget at which `budget.threshold` is told, in percent.
    alert_at_percent: Vec<u8>,
}

impl BudgetAnswer {
    fn new(scope: &Scope, status: Option<BudgetStatus>) -> Self {
        let BudgetStatus { terms, spent, reserved, resets_at } = status.unwrap_or_else(|| BudgetStatus {
            terms: Terms {
                limit: None,
                minimum: Usd::ZERO,
                is_balance: false,
                period: Period::Total,
                alert_at: ALERT_AT_DEFAULT.to_vec(),
            },
            spent: Usd::ZERO,
            reserved: Usd::ZERO,
            resets_at: None,
        });
        let Terms { limit, minimum, is_balance, period, alert_at } = terms;
        Self {
            scope: scope.to_string(),
            balance_usd: limit.map(|limit| limit.minus(spent).as_dollars()),
            reserved_usd: reserved.as_dollars(),
            spent_usd: spent.as_dollars(),
            minimum_usd: minimum.as_dollars(),
            limit_usd: limit.filter(|_| !is_balance).map(Usd::as_dollars),
            period: period.to_string(),
            resets_at: resets_at.map(list::time),
            alert_at_percent: alert_at,
        }
    }
}

/// Which budget of the project is meant.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "describes the query for the OpenAPI document; `scope_of` reads it")]
pub(crate) struct ScopeParams {
    /// `project` (the default), `key:<id>`, `user:<id>`, `session:<id>` or `model:<name>`; `key:*`, `user:*` and
    /// `session:*` are the budget of each that has none of its own.
    scope: Option<String>,
}

/// A budget as it is to be; what is left out has its default. Exactly one of `balance_usd` and `limit_usd` is given.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "describes the body for the OpenAPI document; `put` reads it")]
pub(crate) struct BudgetBody {
    /// What is left from now on, until it is topped up; null sets no limit and counts what is spent. At most 9 decimals.
    #[schema(minimum = 0)]
    balance_usd: Option<f64>,
    /// What may be spent in each period. At most 9 decimals.
    #[schema(minimum = 0)]
    limit_usd: Option<f64>,
    /// The period of `limit_usd`: `total`, `day`, `week`, `month` (of UTC), or `rolling:<seconds>`. Default `total`.
    period: Option<String>,
    /// What must stay. Default 0.
    #[schema(minimum = 0)]
    minimum_usd: Option<f64>,
    /// The shares at which `budget.threshold` is told, once in a period, each 1 to 100. Default 50, 80 and 95.
    #[schema(max_items = 10)]
    alert_at_percent: Option<Vec<u8>>,
}

/// How much is paid in.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "describes the body for the OpenAPI document; `top_up` reads it")]
pub(crate) struct TopUpBody {
    /// More than 0, with at most 9 decimals.
    amount_usd: f64,
}

/// What came of a release.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ReleaseAnswer {
    /// How much can be spent again.
    released_usd: f64,
}

/// Lists the budgets of a project and of its keys, users, sessions and models, by the names of their scopes. One that only a
/// `key:*`, `user:*` or `session:*` covers has no row of its own.
#[utoipa::path(
    get, path = "/api/v1/projects/{project}/budgets", tag = "budgets", operation_id = "list_budgets",
    params(("project" = String, Path, description = "The project's id"), PageParams),
    responses((status = 200, description = "Budgets", body = List<BudgetAnswer>), Refusals)
)]
pub(super) async fn list(
    State(api): State<Shared>,
    InProject(project): InProject,
    Query(query): Query,
) -> Answer<List<BudgetAnswer>> {
    let page = list::settings::<Scope>(query)?;
    api.state.ledger.settle_up(project, ambient::now()).await?;
    let budgets = api.state.store.budgets(project, page, ambient::now()).await?;
    Ok(Json(List::of_page(budgets, |(scope, status)| BudgetAnswer::new(&scope, Some(status)))))
}

/// Removes a scope's own budget: it limits nothing any more. What was spent stays counted, in case one is set again.
#[utoipa::path(
    delete, path = "/api/v1/projects/{project}/budget", tag = "budgets", operation_id = "delete_budget",
    params(("project" = String, Path, description = "The project's id"), ScopeParams),
    responses((status = 204, description = "It is gone"), Refusals)
)]
pub(super) async fn remove(State(api): State<Shared>, InProject(project): InProject, Query(query): Query) -> Done {
    let scope = scope_of(query)?;
    change(&api, move |api| async move {
        api.state.ledger.settle_up(project, ambient::now()).await?;
        Ok(api.state.store.remove_budget(project, scope).await?)
    })
    .await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Shows a budget, exact but for requests under way. Without one, nothing is limited and nothing counted.
#[utoipa::path(
    get, path = "/api/v1/projects/{project}/budget", tag = "budgets", operation_id = "get_budget",
    params(("project" = String, Path, description = "The project's id"), ScopeParams),
    responses((status = 200, description = "The budget", body = BudgetAnswer), Refusals)
)]
pub(super) async fn show(
    State(api): State<Shared>,
    InProject(project): InProject,
    Query(query): Query,
) -> Answer<BudgetAnswer> {
    let scope = scope_of(query)?;
    api.state.ledger.settle_up(project, ambient::now()).await?;
    let status = api.state.store.budget(project, scope.clone(), ambient::now()).await?;
    Ok(Json(BudgetAnswer::new(&scope, status)))
}

/// Sets a budget. What was spent stays counted; what was told can be told again.
#[utoipa::path(
    put, path = "/api/v1/projects/{project}/budget", tag = "budgets", operation_id = "put_budget",
    params(("project" = String, Path, description = "The project's id"), ScopeParams), request_body = BudgetBody,
    responses((status = 200, description = "The budget as it is now", body = BudgetAnswer), Refusals, BodyRefusals)
)]
pub(super) async fn put(
    State(api): State<Shared>,
    InProject(project): InProject,
    Query(query): Query,
    Body(mut body): Body,
) -> Answer<BudgetAnswer> {
    let scope = scope_of(query)?;
    let balance = body.amount_or_null("balance_usd")?;
    let limit = body.amount("limit_usd")?;
    let period = body.parsed("period", &wardbell_core::budget::PeriodError.to_string().replace("must be ", ""))?;
    let minimum = body.amount("minimum_usd")?.unwrap_or(Usd::ZERO);
    let alert_at = percents(&mut body)?;
    body.finish()?;
    let sum = match (balance, limit, period) {
        (Change::Keep, None, _) => return Err(body_lacks_sum()),
        (Change::Keep, Some(limit), period) => Sum::Limit(limit, period.unwrap_or(Period::Total)),
        (Change::Set(_) | Change::Clear, Some(_), _) => {
            return Err(FieldError::invalid("limit_usd", "cannot be given beside `balance_usd`").into());
        }
        (Change::Set(_) | Change::Clear, None, Some(_)) => {
            return Err(FieldError::invalid("period", "goes with `limit_usd`: a balance has none").into());
        }
        (Change::Set(balance), None, None) => Sum::Balance(balance),
        (Change::Clear, None, None) => Sum::Unlimited,
    };
    run(&api, project, scope, BudgetChange::Set { sum, minimum, alert_at }).await
}

/// Adds to a balance. What was told can be told again, in shares of what there is now.
#[utoipa::path(
    post, path = "/api/v1/projects/{project}/budget/top-up", tag = "budgets", operation_id = "top_up_budget",
    params(("project" = String, Path, description = "The project's id"), ScopeParams), request_body = TopUpBody,
    responses(
        (status = 200, description = "The budget as it is now", body = BudgetAnswer),
        (status = 409, description = "There is no balance to add to", body = crate::error::ErrorAnswer),
        Refusals, BodyRefusals
    )
)]
pub(super) async fn top_up(
    State(api): State<Shared>,
    InProject(project): InProject,
    Query(query): Query,
    Body(mut body): Body,
) -> Answer<BudgetAnswer> {
    let scope = scope_of(query)?;
    let amount = required("amount_usd", body.amount("amount_usd")?)?;
    if amount == Usd::ZERO {
        return Err(body.invalid("amount_usd", "must be more than 0").into());
    }
    body.finish()?;
    let status = api.state.store.budget(project, scope.clone(), ambient::now()).await?;
    if scope.is_each() || !status.is_some_and(|status| status.terms.is_balance) {
        return Err(ApiError::Conflict {
            message: "this scope has no balance to add to",
            hint: "set one with PUT …/budget and `balance_usd`",
        });
    }
    run(&api, project, scope, BudgetChange::TopUp(amount)).await
}

/// Frees what nodes had borrowed that are dead: those that have said nothing for 30 seconds. Without this it counts as
/// spent for 15 minutes, because a dead node's requests may have been billed.
#[utoipa::path(
    post, path = "/api/v1/projects/{project}/budget/release", tag = "budgets", operation_id = "release_budget",
    params(("project" = String, Path, description = "The project's id")),
    responses((status = 200, description = "What was freed", body = ReleaseAnswer), Refusals)
)]
pub(super) async fn release(State(api): State<Shared>, InProject(project): InProject) -> Answer<ReleaseAnswer> {
    let silent = ambient::now().before(SILENT_AFTER);
    let released =
        change(&api, move |api| async move { Ok(api.state.store.release_leases(project, silent).await?) }).await?;
    Ok(Json(ReleaseAnswer { released_usd: released.as_dollars() }))
}

async fn run(
    api: &Shared,
    project: wardbell_core::id::ProjectId,
    scope: Scope,
    what: BudgetChange,
) -> Answer<BudgetAnswer> {
    let status = {
        let scope = scope.clone();
        change(api, move |api| async move {
            let now = ambient::now();
            // A balance counts from what was spent until now, told or not.
            api.state.ledger.settle_up(project, now).await?;
            api.state.store.change_budget(project, scope.clone(), what, now).await?;
            Ok(api.state.store.budget(project, scope, now).await?)
        })
        .await?
    };
    Ok(Json(BudgetAnswer::new(&scope, status)))
}

fn body_lacks_sum() -> ApiError {
    FieldError { field: "balance_usd".to_owned(), fault: Fault::Missing }.into()
}

fn scope_of(mut query: Fields) -> Result<Scope, ApiError> {
    let form = wardbell_core::budget::ScopeError.to_string().replace("must be ", "");
    let scope = query.parsed("scope", &form)?;
    query.finish()?;
    Ok(scope.unwrap_or(Scope::Project))
}

fn percents(body: &mut Fields) -> Result<Vec<u8>, FieldError> {
    let Some(value) = body.value("alert_at_percent") else { return Ok(ALERT_AT_DEFAULT.to_vec()) };
    let percents = value.as_array().filter(|items| items.len() <= ALERT_AT_MAX).and_then(|items| {
        let one = |item: &serde_json::Value| u8::try_from(item.as_u64()?).ok().filter(|at| (1..=100).contains(at));
        items.iter().map(one).collect::<Option<Vec<_>>>()
    });
    let mut percents = percents.ok_or_else(|| {
        body.invalid(
            "alert_at_percent",
            format!("must be a list of at most {ALERT_AT_MAX} whole numbers from 1 to 100"),
        )
    })?;
    percents.sort_unstable();
    percents.dedup();
    Ok(percents)
}
