//! `tenancy.toml` beside the `Cargo.toml` of the crate that is compiled.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use quote::quote;

use tenancy_qualify::Allowed;

/// What the crate adds to the lists, and the file that says so.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Manifest {
    pub(crate) allowed: Allowed,
    path: Option<PathBuf>,
}

impl Manifest {
    /// The file of the crate that is compiled, which cargo names in the environment.
    pub(crate) fn of_this_crate() -> Result<Self, String> {
        match std::env::var_os("CARGO_MANIFEST_DIR") {
            Some(folder) => Self::read(Path::new(&folder)),
            None => Ok(Self::default()),
        }
    }

    fn read(folder: &Path) -> Result<Self, String> {
        let path = folder.join("tenancy.toml");
        let text = match std::fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Self::default()),
            Err(error) => return Err(format!("{} cannot be read: {error}", path.display())),
        };
        let allowed = Allowed::parse(&text)
            .map_err(|error| format!("{error}\n\nthe file is {}", path.display()))?;
        if path.to_str().is_none() {
            return Err(format!("{} is no path in UTF-8", path.display()));
        }
        Ok(Self {
            allowed,
            path: Some(path),
        })
    }

    /// The path of the file, when there is one.
    pub(crate) fn path(&self) -> Option<&str> {
        self.path.as_deref().and_then(Path::to_str)
    }

    /// What makes cargo compile the crate again when the file changes.
    pub(crate) fn watched(&self) -> proc_macro2::TokenStream {
        let path = self.path();
        match path {
            Some(path) => quote!(
                const _: &[u8] = ::core::include_bytes!(#path);
            ),
            None => quote!(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder(text: Option<&str>) -> tempfile::TempDir {
        let folder = tempfile::tempdir().expect("a folder");
        if let Some(text) = text {
            std::fs::write(folder.path().join("tenancy.toml"), text).expect("a file");
        }
        folder
    }

    #[test]
    fn a_crate_without_the_file_adds_nothing_and_watches_nothing() {
        let manifest = Manifest::read(folder(None).path()).expect("nothing to read");
        assert_eq!(manifest, Manifest::default());
        assert!(manifest.watched().is_empty());
    }

    #[test]
    fn the_file_adds_to_the_lists_and_is_watched() {
        let folder = folder(Some("[extensions]\nfunctions = [\"near\"]\n"));
        let manifest = Manifest::read(folder.path()).expect("a valid file");
        assert!(manifest.allowed.tenant("SELECT extensions.near(1)").is_ok());
        assert!(manifest.watched().to_string().contains("tenancy.toml"));
    }

    #[test]
    fn a_malformed_file_names_its_line_and_itself() {
        let folder = folder(Some("[extensions]\nfunction = [\"near\"]\n"));
        let error = Manifest::read(folder.path()).expect_err("a misspelt key");
        assert!(
            error.starts_with("tenancy.toml, line 2: \"function\" is not known"),
            "{error}"
        );
        assert!(error.contains(&*folder.path().to_string_lossy()), "{error}");
    }
}
