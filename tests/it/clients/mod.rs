//! The clients that the signing layer is used with, and the tower layers around it.

mod early_answers;
mod redirects;
mod reqwest_clients;
mod tower_layers;
