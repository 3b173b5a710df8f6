//! A client that signs against a server that verifies.
