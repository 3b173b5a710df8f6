//! Load, events, and the programs in `examples/`.

mod examples;
mod explain;
mod keys_in_database;
mod load;
mod sending_events;
mod signing_gateway;
mod stand_in;
