//! Gives the worker an rpath, so that `target/release/perftune-worker` and an installed copy both find libtorch, and compiles
//! what it needs of libtorch that tch does not bind.

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    #[cfg(feature = "torch")]
    torch::prepare();
}

#[cfg(feature = "torch")]
mod torch {
    use std::env;
    use std::path::{Path, PathBuf};

    /// With this variable the worker is built for a package.
    const PACKAGE: &str = "PERFTUNE_PACKAGE";
    /// The Pythons 3.x that torch 2.11 and its next releases have wheels for.
    const MINORS: std::ops::RangeInclusive<u32> = 10..=15;

    const SHIM: &str = "src/worker/torch/shim.cc";

    pub(super) fn prepare() {
        // `torch-sys` publishes the folder it linked against (`links = "tch"`), whatever way it was found.
        let Some(folder) = env::var_os("DEP_TCH_LIBTORCH_LIB") else {
            return;
        };
        let folder = PathBuf::from(folder);
        let folder = folder.canonicalize().unwrap_or(folder);
        println!("cargo:rerun-if-env-changed={PACKAGE}");
        for path in search(&folder) {
            println!("cargo:rustc-link-arg-bin=perftune-worker=-Wl,-rpath,{path}");
            // benches/torchscript.rs has a loop of its own to compare with.
            println!("cargo:rustc-link-arg-benches=-Wl,-rpath,{path}");
        }
        compile_shim(&folder);
    }

    /// Where the worker looks for libtorch: what `make install` puts beside it, the torch that pip installs with the wheel,
    /// and last that of this checkout, of which a package knows nothing.
    fn search(folder: &Path) -> Vec<String> {
        let installed = "$ORIGIN/../lib/perftune".to_owned();
        if env::var_os(PACKAGE).is_none() {
            return vec![installed, folder.display().to_string()];
        }
        let pythons = MINORS.flat_map(|minor| {
            ["site-packages", "dist-packages"]
                .map(|packages| format!("$ORIGIN/../lib/python3.{minor}/{packages}/torch/lib"))
        });
        // The last one is of `pip install --target`.
        std::iter::once(installed)
            .chain(pythons)
            .chain(["$ORIGIN/../torch/lib".to_owned()])
            .collect()
    }

    /// The library is only put where the linker looks: src/worker/torch/shim.rs names it, so that no other binary links it.
    fn compile_shim(libraries: &Path) {
        println!("cargo:rerun-if-changed={SHIM}");
        for name in ["LIBTORCH_INCLUDE", "LIBTORCH_CXX11_ABI"] {
            println!("cargo:rerun-if-env-changed={name}");
        }
        // As torch-sys finds its headers and chooses the ABI.
        let include = env::var_os("LIBTORCH_INCLUDE").map_or_else(
            || libraries.with_file_name("include"),
            |folder| PathBuf::from(folder).join("include"),
        );
        let abi = env::var("LIBTORCH_CXX11_ABI").unwrap_or_else(|_| "1".to_owned());
        cc::Build::new()
            .cpp(true)
            .std("c++17")
            .define("_GLIBCXX_USE_CXX11_ABI", abi.as_str())
            // As libtorch is built: without it some of its classes have other members.
            .define("NDEBUG", None)
            .warnings(false)
            .include(include)
            .file(SHIM)
            .cargo_metadata(false)
            .compile("perftune_shim");
        if let Some(out) = env::var_os("OUT_DIR") {
            println!("cargo:rustc-link-search=native={}", out.display());
        }
    }
}
