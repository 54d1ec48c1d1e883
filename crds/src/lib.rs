//! Temper's custom resources: Rust types, their validation, the generated YAML.
