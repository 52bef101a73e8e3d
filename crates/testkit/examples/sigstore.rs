//! Stand-ins of Sigstore's services for trials by hand, as with Cosign: `cargo run -p probity-testkit --example sigstore -- FOLDER` writes trust
//! root, signing configurations and a token into the folder, and serves until its standard input ends.
#![allow(clippy::disallowed_methods, reason = "a tool for tests touches the world on purpose")]

use std::io::Read as _;
use std::path::PathBuf;

use probity_testkit::services::Instance;

fn main() -> std::io::Result<()> {
    let folder = std::env::args_os().nth(1).map_or_else(|| PathBuf::from("."), PathBuf::from);
    let instance = Instance::start()?;
    std::fs::create_dir_all(&folder)?;
    std::fs::write(folder.join("trusted_root.json"), instance.trusted_root().to_string())?;
    for log in [1, 2] {
        std::fs::write(folder.join(format!("signing_config.{log}.json")), instance.signing_config(log).to_string())?;
    }
    std::fs::write(folder.join("token"), instance.token("dev@example.com"))?;
    std::io::stdin().read_to_end(&mut Vec::new()).map(drop)
}
