//! wardbell-egress
