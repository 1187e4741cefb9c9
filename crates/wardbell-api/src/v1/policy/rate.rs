//! How many requests a key may send.

use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;
use wardbell_core::policy::{RateLimit, RatePolicy, RateSurfaces};

use crate::error::FieldError;
use crate::fields::{Fields, Given, required};

/// The most requests a second that a limit may name; past it, none is meant.
const PER_SECOND_MAX: f64 = 1_000_000.0;

/// The most requests at once that a limit may name.
const BURST_MAX: u64 = 1_000_000;

/// How many requests a key may send.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct RateAnswer {
    /// Requests a second in the long run.
    per_second: f64,
    /// Requests at once after a pause.
    burst: u32,
    /// `gateway`: on the gateway surface only; `all`: scans and proxied calls are counted together with it.
    #[schema(pattern = "^(gateway|all)$")]
    surfaces: &'static str,
}

/// How many requests a key may send.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "describes the body for the OpenAPI document; `merge` reads it")]
pub(super) struct RateBody {
    /// Requests a second in the long run: more than 0; fractions are allowed.
    #[schema(exclusive_minimum = 0, maximum = 1_000_000)]
    per_second: Option<f64>,
    /// Requests at once after a pause.
    #[schema(minimum = 1, maximum = 1_000_000)]
    burst: Option<u32>,
    /// Where the limit holds. A limit that is set without it holds everywhere.
    #[schema(pattern = "^(gateway|all)$")]
    surfaces: Option<String>,
}

const SURFACES: &[RateSurfaces] = &[RateSurfaces::Gateway, RateSurfaces::All];

const fn word(surfaces: RateSurfaces) -> &'static str {
    match surfaces {
        RateSurfaces::Gateway => "gateway",
        RateSurfaces::All => "all",
    }
}

pub(super) fn show(policy: RatePolicy) -> Option<RateAnswer> {
    let RatePolicy { limit, surfaces } = policy;
    let RateLimit { per_second, burst } = limit?;
    Some(RateAnswer { per_second, burst, surfaces: word(surfaces) })
}

/// Reads `rate` of a policy's fields over what is there.
pub(super) fn merge(body: &mut Fields, base: RatePolicy) -> Result<RatePolicy, FieldError> {
    match body.nullable("rate") {
        Given::Absent => Ok(base),
        Given::Null => Ok(RatePolicy { limit: None, surfaces: RateSurfaces::All }),
        Given::Value(Value::Object(values)) => read(Fields::within(body.path("rate"), values), base),
        Given::Value(_) => Err(body.invalid("rate", "must be an object, or null for no limit")),
    }
}

fn read(mut body: Fields, base: RatePolicy) -> Result<RatePolicy, FieldError> {
    let per_second = read_per_second(&mut body)?;
    let burst = read_burst(&mut body)?;
    let surfaces = body.word("surfaces", SURFACES, word)?;
    let (per_second_path, burst_path) = (body.path("per_second"), body.path("burst"));
    body.finish()?;
    let changed = per_second.is_some() || burst.is_some();
    if !changed && surfaces.is_none() {
        return Ok(base);
    }
    let (old_per_second, old_burst) = base.limit.map(|limit| (limit.per_second, limit.burst)).unzip();
    let limit = RateLimit {
        per_second: required(&per_second_path, per_second.or(old_per_second))?,
        burst: required(&burst_path, burst.or(old_burst))?,
    };
    Ok(RatePolicy { limit: Some(limit), surfaces: surfaces.unwrap_or(RateSurfaces::All) })
}

fn read_per_second(body: &mut Fields) -> Result<Option<f64>, FieldError> {
    let Some(value) = body.value("per_second") else {
        return Ok(None);
    };
    let Some(number) = value.as_f64().filter(|number| *number > 0.0 && *number <= PER_SECOND_MAX) else {
        let message = format!("must be a number above 0 and up to {PER_SECOND_MAX}; `rate: null` is no limit");
        return Err(body.invalid("per_second", message));
    };
    Ok(Some(number))
}

fn read_burst(body: &mut Fields) -> Result<Option<u32>, FieldError> {
    let Some(number) = body.integer("burst", BURST_MAX)? else {
        return Ok(None);
    };
    match u32::try_from(number) {
        Ok(number) if number > 0 => Ok(Some(number)),
        Ok(_) | Err(_) => Err(body.invalid("burst", format!("must be a whole number from 1 to {BURST_MAX}"))),
    }
}
