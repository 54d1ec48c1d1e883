//! Temper.
