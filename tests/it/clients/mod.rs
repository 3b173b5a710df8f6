//! The clients that the signing layer is used with, and the tower layers around it.

mod client_in_a_struct;
mod early_answers;
mod lecli;
mod query_logs;
mod redirects;
mod reqwest_clients;
mod tower_layers;
mod upload_file;
