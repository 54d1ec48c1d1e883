//! Lets the binary find libtorch where it was built, without `LD_LIBRARY_PATH`.
use std::path::PathBuf;

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rerun-if-env-changed=LIBTORCH");
    if std::env::var_os("CARGO_FEATURE_TORCH").is_none() {
        return;
    }
    // Set by .cargo/config.toml; without it torch-sys has looked in the system's own library folders.
    if let Some(libtorch) = std::env::var_os("LIBTORCH") {
        let lib = PathBuf::from(libtorch).join("lib");
        // Not resolved: .venv/libtorch stays where it is when the environment is made anew with another Python.
        // libtorch's libraries name the folders of CUDA's by their own run path, relative to themselves.
        println!("cargo:rustc-link-arg=-Wl,-rpath,{}", lib.display());
    }
}
