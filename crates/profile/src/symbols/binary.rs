//! What is needed of an ELF file besides its DWARF: where its bytes are loaded, its symbols, its build id.

use std::path::Path;

use object::{Object, ObjectSegment, ObjectSymbol, SymbolKind};

/// A profile can name any path, so what is read for it is bounded.
const FILE_BYTES_MAX: u64 = 8 << 30;

/// A program or a library.
pub(crate) struct Binary {
    bytes: Vec<u8>,
    segments: Vec<Segment>,
    /// Functions by address.
    symbols: Vec<Symbol>,
    /// In hexadecimal digits.
    pub(crate) build_id: Option<String>,
    /// Whether its code is for 64-bit x86 processors.
    pub(crate) is_x86_64: bool,
}

struct Segment {
    offset: u64,
    bytes: u64,
    address: u64,
}

struct Symbol {
    address: u64,
    bytes: u64,
    name: String,
}

/// The function that an address lies in.
pub(crate) struct SymbolHit {
    pub(crate) name: String,
    /// Whether functions of other names have the same code.
    pub(crate) is_shared: bool,
}

impl Binary {
    pub(crate) fn open(path: &Path) -> Result<Self, String> {
        let failure = |what: String| format!("`{}`: {what}", path.display());
        let metadata = path.metadata().map_err(|error| failure(error.to_string()))?;
        if !metadata.is_file() || metadata.len() > FILE_BYTES_MAX {
            return Err(failure("it is no file, or too large for a program".to_string()));
        }
        let bytes = std::fs::read(path).map_err(|error| failure(error.to_string()))?;
        let file = object::File::parse(&*bytes).map_err(|error| failure(error.to_string()))?;
        let segment = |it: object::Segment<'_, '_>| {
            let (offset, bytes) = it.file_range();
            Segment { offset, bytes, address: it.address() }
        };
        let (symbols, build_id) = (symbols(&file), file.build_id().ok().flatten().map(hexadecimal));
        let is_x86_64 = file.architecture() == object::Architecture::X86_64;
        Ok(Self { is_x86_64, segments: file.segments().map(segment).collect(), symbols, build_id, bytes })
    }

    /// The same with the symbols of the file at `path`, if it has more.
    pub(crate) fn with_symbols_of(mut self, path: &Path) -> Self {
        if let Ok(other) = Self::open(path)
            && other.symbols.len() > self.symbols.len()
        {
            self.symbols = other.symbols;
        }
        self
    }

    /// The address in the file of the byte at an offset.
    pub(crate) fn address_of(&self, offset: u64) -> Option<u64> {
        let holds = |it: &&Segment| offset.checked_sub(it.offset).is_some_and(|at| at < it.bytes);
        self.segments.iter().find(holds).map(|it| it.address.wrapping_add(offset - it.offset))
    }

    /// The function that an address lies in. Of several that begin at the same address it is the one that
    /// people call: `strdup` rather than `__GI___strdup`.
    pub(crate) fn symbol(&self, address: u64) -> Option<SymbolHit> {
        let behind = self.symbols.partition_point(|it| it.address <= address);
        let start = self.symbols[..behind].last()?.address;
        let first = self.symbols.partition_point(|it| it.address < start);
        let same = &self.symbols[first..behind];
        let holds = |it: &&Symbol| it.bytes == 0 || address - it.address < it.bytes;
        let is_internal = |it: &&Symbol| it.name.starts_with("__");
        let hit = same.iter().filter(holds).min_by_key(|it| (is_internal(it), &it.name))?;
        let is_shared = same.iter().any(|it| !are_one_function(&it.name, &hit.name));
        Some(SymbolHit { name: hit.name.clone(), is_shared })
    }
}

/// Whether two linker's names of the same code are those of one function: a constructor of C++ has several
/// (`C1`, `C2`), and so has a destructor; compilers append to names that they made local or global.
fn are_one_function(left: &str, right: &str) -> bool {
    let (left, right) = (without_suffix(left).as_bytes(), without_suffix(right).as_bytes());
    let differing = left.iter().zip(right).position(|(left, right)| left != right);
    let Some(at) = differing else { return left.len() == right.len() };
    let is_variant = at > 0 && matches!(left[at - 1], b'C' | b'D');
    let are_numbers = left[at].is_ascii_digit() && right[at].is_ascii_digit();
    is_variant && are_numbers && left[at + 1..] == right[at + 1..]
}

fn without_suffix(name: &str) -> &str {
    [".localalias", ".llvm."].iter().find_map(|suffix| name.find(suffix)).map_or(name, |at| &name[..at])
}

impl Binary {
    /// The start and the code of the function that an address lies in.
    pub(crate) fn code(&self, address: u64) -> Option<(u64, &[u8])> {
        let behind = self.symbols.partition_point(|it| it.address <= address);
        let it = self.symbols[..behind].last().filter(|it| address - it.address < it.bytes)?;
        let holds =
            |segment: &&Segment| it.address.checked_sub(segment.address).is_some_and(|at| at < segment.bytes);
        let segment = self.segments.iter().find(holds)?;
        let start = segment.offset.checked_add(it.address - segment.address)?;
        let start = usize::try_from(start).ok()?;
        let end = start.checked_add(usize::try_from(it.bytes).ok()?)?;
        Some((it.address, self.bytes.get(start..end)?))
    }

    /// The name of the function that begins at an address.
    pub(crate) fn function_at(&self, address: u64) -> Option<&str> {
        let first = self.symbols.partition_point(|it| it.address < address);
        self.symbols.get(first).filter(|it| it.address == address).map(|it| it.name.as_str())
    }

    /// All functions that have code: where they begin and how long they are.
    #[cfg(test)]
    pub(crate) fn functions(&self) -> impl Iterator<Item = (u64, u64)> + '_ {
        self.symbols.iter().filter(|it| it.bytes > 0).map(|it| (it.address, it.bytes))
    }

    /// The address of a symbol that is not a function.
    pub(crate) fn data_symbol(&self, name: &str) -> Option<u64> {
        let file = object::File::parse(&*self.bytes).ok()?;
        file.symbol_by_name(name).map(|it| it.address())
    }
}

fn symbols(file: &object::File<'_>) -> Vec<Symbol> {
    let all = file.symbols().chain(file.dynamic_symbols());
    let functions = all.filter(|it| it.kind() == SymbolKind::Text && it.is_definition());
    let mut symbols: Vec<Symbol> = functions
        .filter_map(|it| {
            let name = it.name().ok()?;
            // `malloc@@GLIBC_2.2.5`
            let name = name.split('@').next().filter(|name| !name.is_empty())?;
            Some(Symbol { address: it.address(), bytes: it.size(), name: name.to_string() })
        })
        .collect();
    symbols.sort_by(|a, b| (a.address, &a.name).cmp(&(b.address, &b.name)));
    symbols.dedup_by(|a, b| a.address == b.address && a.name == b.name);
    symbols
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::are_one_function;

    #[test]
    fn names_of_one_function_differ_in_little() {
        assert!(are_one_function("_ZN5DepotC1Ev", "_ZN5DepotC2Ev"));
        assert!(are_one_function("_ZN5DepotC2Ev", "_ZN5DepotC2Ev.localalias"));
        assert!(are_one_function("_ZN5alloc4growE.llvm.77", "_ZN5alloc4growE"));
        assert!(!are_one_function("_ZN5DepotC1Ev", "_ZN5DepotD1Ev"));
        assert!(!are_one_function("_ZN5DepotC1Ev", "_ZN5DepotC1Evi"));
        assert!(!are_one_function("_ZN44_$LT$a..B$GT$3new17h0E", "_ZN44_$LT$a..C$GT$3new17h0E"));
        assert!(!are_one_function("_ZN4grow17h01E", "_ZN4grow17h02E"));
    }
}
