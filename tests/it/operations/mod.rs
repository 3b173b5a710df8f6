//! Load and events.

mod load;
mod rejection_events;
mod sending_events;
