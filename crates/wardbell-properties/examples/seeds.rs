//! Writes the seeds of every target into a folder of its name: `cargo run -p wardbell-properties --example seeds -- DIR`.

use std::path::PathBuf;

use wardbell_properties::Target;

fn main() -> std::io::Result<()> {
    let folder = PathBuf::from(std::env::args_os().nth(1).ok_or(std::io::Error::other("name a folder"))?);
    for target in Target::all() {
        let folder = folder.join(target.name());
        std::fs::create_dir_all(&folder)?;
        for (number, seed) in target.seeds()?.iter().enumerate() {
            std::fs::write(folder.join(format!("seed-{number}")), seed)?;
        }
    }
    Ok(())
}
