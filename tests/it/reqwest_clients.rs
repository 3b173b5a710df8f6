//! The layer around reqwest and reqwest-middleware clients.
