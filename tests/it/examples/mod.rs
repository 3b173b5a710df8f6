//! The programs in `examples/`, run as a person runs them, and as other clients use them.

mod client_in_a_struct;
mod collections;
mod explain;
mod first_steps;
mod lecli;
mod operations;
mod queries;
mod query_logs;
mod signing_gateway;
mod stand_in;
