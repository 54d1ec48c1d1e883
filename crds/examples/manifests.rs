//! Writes the definitions into `crds/manifests`: `cargo run -p temper-crds --example manifests`.

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("manifests");
    std::fs::create_dir_all(&folder)?;
    for (name, yaml) in temper_crds::manifests::manifests()? {
        std::fs::write(folder.join(name), yaml)?;
    }
    Ok(())
}
