//! Personal data.

pub(crate) mod credit_card;
pub(crate) mod email_address;
pub(crate) mod iban_code;
pub(crate) mod us_ssn;
pub(crate) mod us_ssn_masked;
