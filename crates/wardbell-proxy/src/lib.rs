//! wardbell-proxy
