//! Every wire test, in one binary.

mod contract;
mod wire;
