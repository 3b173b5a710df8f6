//! The client's side, a file a guarantee, setter or kind of client.

mod access;
mod accounts;
mod assume_origin;
mod authenticate;
mod clocks;
mod early_answers;
mod errors;
mod events;
mod headers;
mod origins;
mod properties;
mod redirects;
mod repeated_attempts;
mod reqwest_clients;
mod reqwest_requests;
mod tower_layers;
