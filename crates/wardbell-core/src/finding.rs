//! Evidence without the secret: where something was found, and by which rule, never what it said.

use std::ops::Range;

use crate::entity::EntityType;
use crate::origin::Origin;

/// One thing that a detector found in one text.
#[derive(Debug, Clone, PartialEq)]
pub struct Finding {
    /// What it is.
    pub entity: EntityType,
    /// The id of the rule that found it, such as `pii.credit-card`.
    pub rule: &'static str,
    /// Where it stands: UTF-8 byte offsets into the scanned text, on character boundaries.
    pub span: Range<usize>,
    /// How sure the rule is, from 0 to 1.
    pub score: f32,
}

/// A finding in one segment of a request body.
#[derive(Debug, Clone, PartialEq)]
pub struct Located {
    /// The position of the segment in the request's list of segments.
    pub segment: usize,
    /// Who the segment's text comes from.
    pub origin: Origin,
    /// The finding; its span counts bytes of the segment's decoded text.
    pub finding: Finding,
    /// The same span in Unicode scalar values of the segment's decoded text: what clients are told.
    pub characters: Range<usize>,
}
