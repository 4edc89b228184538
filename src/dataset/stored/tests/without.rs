use super::*;

#[test]
fn a_format_that_is_off_names_its_feature() {
    for (path, feature, is_on) in [
        ("a.npz", "npz", cfg!(feature = "npz")),
        ("a.parquet", "parquet", cfg!(feature = "parquet")),
        ("images", "images", cfg!(feature = "images")),
    ] {
        if is_on {
            continue;
        }
        let file = if feature == "images" { "images/a/1.png" } else { path };
        let says =
            format!("build it with the feature `{feature}` (`make install FEATURES={feature}`)");
        refused(&format!("files = [{path:?}]\n"), &[(file, b"")], &says);
    }
}
