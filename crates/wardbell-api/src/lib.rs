//! wardbell-api
