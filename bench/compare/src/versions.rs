//! Which version of each allocator the Rust programs were built with: what Cargo.lock says.

use std::fs;
use std::path::Path;

use serde::Deserialize;

use crate::row::WORKSPACE;

/// The packages of a Cargo.lock.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct Lock {
    #[serde(default)]
    package: Vec<Package>,
}

#[derive(Debug, Deserialize)]
struct Package {
    name: String,
    version: String,
    /// Names, each with its version behind it where there are several.
    #[serde(default)]
    dependencies: Vec<String>,
}

/// Dependencies of a contender that are not its allocator.
const SCAFFOLD: [&str; 2] = ["rows", "libc"];

impl Lock {
    /// The Cargo.lock of this workspace; an empty one if there is none.
    pub(crate) fn read() -> Lock {
        let text = fs::read_to_string(Path::new(WORKSPACE).join("Cargo.lock")).unwrap_or_default();
        Lock::parse(&text)
    }

    fn parse(text: &str) -> Lock {
        toml::from_str(text).unwrap_or_default()
    }

    /// Crate and version of the allocator that `contender` is built with.
    pub(crate) fn allocator_of(&self, contender: &str) -> Option<String> {
        let package = self.package.iter().find(|package| package.name == format!("contender-{contender}"))?;
        let named = |dependency: &&String| !SCAFFOLD.contains(&dependency.split(' ').next().unwrap_or(""));
        let mut words = package.dependencies.iter().find(named)?.split(' ');
        let (name, version) = (words.next()?, words.next());
        let found = self.package.iter().find(|package| package.name == name)?;
        let version = version.unwrap_or(&found.version);
        Some(if name == contender { version.to_owned() } else { format!("{name} {version}") })
    }
}

#[cfg(test)]
mod tests {
    use super::Lock;

    const TEXT: &str = r#"
version = 4
[[package]]
name = "contender-jemalloc"
version = "0.1.0"
dependencies = ["rows", "tikv-jemallocator"]
[[package]]
name = "contender-mimalloc"
version = "0.1.0"
dependencies = ["libc", "mimalloc 0.1.52", "rows"]
[[package]]
name = "mimalloc"
version = "0.1.48"
[[package]]
name = "tikv-jemallocator"
version = "0.7.0"
[[package]]
name = "contender-glibc"
version = "0.1.0"
dependencies = ["rows"]
"#;

    #[test]
    fn the_allocator_is_the_dependency_that_is_not_scaffold() {
        let lock = Lock::parse(TEXT);
        assert_eq!(lock.allocator_of("jemalloc").as_deref(), Some("tikv-jemallocator 0.7.0"));
        assert_eq!(lock.allocator_of("mimalloc").as_deref(), Some("0.1.52"));
        assert_eq!(lock.allocator_of("glibc"), None);
        assert_eq!(lock.allocator_of("other"), None);
        assert_eq!(Lock::parse("no toml = [").allocator_of("jemalloc"), None);
    }
}
