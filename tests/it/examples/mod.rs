//! The examples, run as a user runs them.

mod client_in_a_struct;
mod query_logs;
