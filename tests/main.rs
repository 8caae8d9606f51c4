//! Every wire test, in one binary.

mod wire;
