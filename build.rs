//! Gives the worker an rpath, so that `target/release/perftune-worker` and an installed copy both find libtorch.

use std::env;

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    if env::var_os("CARGO_FEATURE_TORCH").is_none() {
        return;
    }
    // `torch-sys` publishes the folder it linked against (`links = "tch"`), whatever way it was found.
    let Some(folder) = env::var_os("DEP_TCH_LIBTORCH_LIB") else {
        return;
    };
    let folder = std::path::PathBuf::from(folder);
    let folder = folder.canonicalize().unwrap_or(folder);
    // An installed worker looks beside itself first; the checkout's own libtorch comes last.
    for path in [
        "$ORIGIN/../lib/perftune".to_owned(),
        folder.display().to_string(),
    ] {
        println!("cargo:rustc-link-arg-bin=perftune-worker=-Wl,-rpath,{path}");
    }
}
