//! A policy on the wire: what core's policy says. One file for each part.
//!
//! Every part has three things: an answer that shows it, a body that describes it for the OpenAPI document, and a `merge`
//! that reads a body over what is there.

mod action;
mod budget;
mod content;
mod dlp;
mod fail;
mod injection;
mod loops;
mod rate;
mod response;

use serde::Serialize;
use utoipa::ToSchema;
use wardbell_core::policy::Policy;

use self::action::{ProxyAnswer, ProxyBody};
use self::budget::{BudgetAnswer, BudgetBody};
use self::content::{ContentAnswer, ContentBody};
use self::dlp::{DlpAnswer, DlpBody};
use self::fail::{FailAnswer, FailBody};
use self::injection::{InjectionAnswer, InjectionBody};
use self::loops::{LoopAnswer, LoopBody};
use self::rate::{RateAnswer, RateBody};
use self::response::{ResponseAnswer, ResponseBody};
use crate::error::FieldError;
use crate::fields::Fields;

/// A project's policy, in full.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct PolicyAnswer {
    /// Personal data and secrets.
    dlp: DlpAnswer,
    /// Prompt injection.
    injection: InjectionAnswer,
    /// Scanning of answers.
    response: ResponseAnswer,
    /// What happens when a detector fails.
    fail: FailAnswer,
    /// What happens about clients that go in circles.
    r#loop: LoopAnswer,
    /// How calls are measured against the project's budgets.
    budget: BudgetAnswer,
    /// How many requests a key may send; null is no limit.
    rate: Option<RateAnswer>,
    /// What the project does not want to be talked about.
    content: Vec<ContentAnswer>,
    /// What is done about a text that breaks one of them: `warn` tells of it, `block` stops the request.
    #[schema(pattern = "^(warn|block)$")]
    content_action: &'static str,
    /// What is done about abuse (floods, templates, demands without measure, a hurried key): `off` does not look.
    #[schema(pattern = "^(off|warn|block)$")]
    abuse: &'static str,
    /// What holds on the scan and proxy surface unless the caller's headers say otherwise.
    proxy: ProxyAnswer,
}

/// The policy of a request body. What is left out keeps its value: the default for a new project, the present value
/// for an existing one.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "describes the body for the OpenAPI document; `merge` reads it")]
pub(crate) struct PolicyBody {
    /// Personal data and secrets.
    dlp: Option<DlpBody>,
    /// Prompt injection.
    injection: Option<InjectionBody>,
    /// Scanning of answers.
    response: Option<ResponseBody>,
    /// What happens when a detector fails.
    fail: Option<FailBody>,
    /// What happens about clients that go in circles.
    r#loop: Option<LoopBody>,
    /// How calls are measured against the project's budgets.
    budget: Option<BudgetBody>,
    /// How many requests a key may send; null is no limit.
    rate: Option<RateBody>,
    /// What the project does not want to be talked about: the whole list, in place of the present one.
    #[schema(max_items = 50)]
    content: Option<Vec<ContentBody>>,
    /// What is done about a text that breaks a content policy.
    #[schema(pattern = "^(warn|block)$")]
    content_action: Option<String>,
    /// What is done about abuse.
    #[schema(pattern = "^(off|warn|block)$")]
    abuse: Option<String>,
    /// What holds on the scan and proxy surface unless the caller's headers say otherwise.
    proxy: Option<ProxyBody>,
}

impl From<Policy> for PolicyAnswer {
    fn from(policy: Policy) -> Self {
        let Policy { dlp, injection, response, fail, rate, content, content_action, abuse, proxy, loops, budget } =
            policy;
        Self {
            dlp: dlp.into(),
            injection: injection.into(),
            response: response.into(),
            fail: fail.into(),
            r#loop: loops.into(),
            budget: budget.into(),
            rate: rate::show(rate),
            content: content.into_iter().map(ContentAnswer::from).collect(),
            content_action: action::word(content_action),
            abuse: action::abuse_word(abuse),
            proxy: proxy.into(),
        }
    }
}

/// Reads a policy over `base`: what the body leaves out stays as it is there.
pub(crate) fn merge(mut body: Fields, base: Policy) -> Result<Policy, FieldError> {
    let Policy { dlp, injection, response, fail, rate, content, content_action, abuse, proxy, loops, budget } = base;
    let policy = Policy {
        dlp: match body.object("dlp")? {
            Some(fields) => dlp::merge(fields, dlp)?,
            None => dlp,
        },
        injection: match body.object("injection")? {
            Some(fields) => injection::merge(fields, injection)?,
            None => injection,
        },
        response: match body.object("response")? {
            Some(fields) => response::merge(fields, response)?,
            None => response,
        },
        fail: match body.object("fail")? {
            Some(fields) => fail::merge(fields, fail)?,
            None => fail,
        },
        rate: rate::merge(&mut body, rate)?,
        content: content::read(&mut body)?.unwrap_or(content),
        content_action: action::merge_content(&mut body, content_action)?,
        abuse: action::merge_abuse(&mut body, abuse)?,
        proxy: match body.object("proxy")? {
            Some(fields) => action::merge_proxy(fields, proxy)?,
            None => proxy,
        },
        loops: match body.object("loop")? {
            Some(fields) => loops::merge(fields, loops)?,
            None => loops,
        },
        budget: match body.object("budget")? {
            Some(fields) => budget::merge(fields, budget)?,
            None => budget,
        },
    };
    body.finish()?;
    Ok(policy)
}
