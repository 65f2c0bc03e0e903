//! Whether a better order may be taken: what else in the program knows the present one.
//!
//! The order of members is part of what other code can see. Most of that code does not: it names members.
//! What does is found in three places: in the types themselves (unions, bases, bit-fields), in who else has
//! the type (other languages, libraries), and in the text of the file that declares it (initialisers without
//! names, `offsetof`, derived comparison). The text is searched and not parsed, so a reason says "may"; the
//! absence of reasons is no proof, and a type whose source is not at hand is never called safe.

use std::fmt;

use crate::model::{Language, Record, RecordKind, Role, Type, TypeId};
use crate::source::{Declaration, SourceFile, Sources, code_of};
use crate::types::Types;

/// Whether the order of a record may change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Nothing was found that knows the order.
    Safe,
    /// Something may; somebody has to look.
    Review(Vec<Reason>),
    /// It must not.
    Forbidden(Vec<Reason>),
}

/// What speaks against another order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Reason {
    /// Its source is a part of the system, the compiler or its library.
    ForeignSource,
    /// Go promises the layout of the host's C compiler.
    HostLayout,
    /// Its source cannot be read.
    NoSource,
    /// It stands in a header, so code outside of this program may have it too.
    Header,
    /// A function takes or returns it that other programs can call.
    Exported,
    /// It is a member of a union, whose other members may begin alike.
    InUnion,
    /// Its first member is a record; a pointer to the whole may be used as one to that.
    FirstMember,
    /// It has bit-fields, whose places depend on what is before them.
    BitFields,
    /// It is a base of another class, which may begin in its padding.
    IsBase,
    /// It has a base or virtual functions: members are initialised and destroyed in their order.
    Initialised,
    /// It is initialised by position: `{1, 2}`, `Name{1, 2}` or `Name(1, 2)`.
    Positional,
    /// The source asks for the offset of a member.
    Offset,
    /// Comparison or hashing follows the order of members.
    Comparison,
    /// It is written to or read from files or wires, by its bytes or in its order.
    Serialised,
    /// Functions of another language take or return it.
    ForeignFunction,
    /// A padding that somebody put there by hand: against threads that fight over a line, perhaps.
    HandPadding,
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::ForeignSource => "it belongs to the system or to a library",
            Self::HostLayout => "structs.HostLayout promises this order",
            Self::NoSource => "its source is not at hand",
            Self::Header => "it stands in a header",
            Self::Exported => "an exported function takes or returns it",
            Self::InUnion => "it is a member of a union",
            Self::FirstMember => "its first member is a record that may stand for it",
            Self::BitFields => "it has bit-fields",
            Self::IsBase => "it is a base of another class",
            Self::Initialised => "members are initialised and destroyed in their order",
            Self::Positional => "it is initialised by position",
            Self::Offset => "the offset of a member is asked for",
            Self::Comparison => "comparison or hashing follows the order",
            Self::Serialised => "it is serialised",
            Self::ForeignFunction => "it crosses to another language",
            Self::HandPadding => "a member is there for padding alone",
        })
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let list = |reasons: &[Reason]| {
            let texts: Vec<String> = reasons.iter().map(ToString::to_string).collect();
            texts.join("; ")
        };
        match self {
            Self::Safe => f.write_str("safe"),
            Self::Review(reasons) => write!(f, "needs review: {}", list(reasons)),
            Self::Forbidden(reasons) => write!(f, "forbidden: {}", list(reasons)),
        }
    }
}

impl Verdict {
    /// The reasons against.
    #[must_use]
    pub fn reasons(&self) -> &[Reason] {
        match self {
            Self::Safe => &[],
            Self::Review(reasons) | Self::Forbidden(reasons) => reasons,
        }
    }

    /// One word: `safe`, `review` or `forbidden`.
    #[must_use]
    pub fn word(&self) -> &'static str {
        match self {
            Self::Safe => "safe",
            Self::Review(_) => "review",
            Self::Forbidden(_) => "forbidden",
        }
    }
}

/// What the types of a program say about each other; made once, asked for each.
#[derive(Debug)]
pub struct Neighbours {
    in_union: Vec<bool>,
    is_base: Vec<bool>,
}

impl Neighbours {
    /// Looks at all types.
    #[must_use]
    pub fn new(types: &Types) -> Self {
        let mut found = Self { in_union: vec![false; types.len()], is_base: vec![false; types.len()] };
        for (_, outer, record) in types.records() {
            for member in &record.members {
                let inner = member.type_id.0 as usize;
                found.in_union[inner] |= record.kind == RecordKind::Union;
                found.is_base[inner] |=
                    matches!(member.role, Role::Base | Role::VirtualBase) && outer.language == Language::Cpp;
            }
        }
        found
    }

    /// The verdict on a type for which there is a better order.
    #[must_use]
    pub fn verdict(&self, types: &Types, id: TypeId, sources: &Sources) -> Verdict {
        let found = types.get(id);
        let Some(record) = found.record() else { return Verdict::Safe };
        let declaration = sources.declaration(types, found);
        let mut against = Vec::new();
        if is_foreign(types, found) {
            against.push(Reason::ForeignSource);
        }
        if record.members.iter().any(|member| &*member.type_name == "structs.HostLayout") {
            against.push(Reason::HostLayout);
        }
        if !against.is_empty() {
            return Verdict::Forbidden(against);
        }
        self.of_types(types, id, record, &mut against);
        match &declaration {
            None => against.push(Reason::NoSource),
            Some(declaration) => of_source(found, declaration, &mut against),
        }
        against.sort_unstable();
        against.dedup();
        if against.is_empty() { Verdict::Safe } else { Verdict::Review(against) }
    }

    fn of_types(&self, types: &Types, id: TypeId, record: &Record, against: &mut Vec<Reason>) {
        let language = types.get(id).language;
        let index = id.0 as usize;
        if self.in_union[index] {
            against.push(Reason::InUnion);
        }
        if self.is_base[index] {
            against.push(Reason::IsBase);
        }
        if types.is_exported(id) {
            against.push(Reason::Exported);
        }
        if record.members.iter().any(|member| member.is_bit_field()) {
            against.push(Reason::BitFields);
        }
        let is_special = |role| matches!(role, Role::Base | Role::VirtualBase | Role::Vptr);
        if language == Language::Cpp && record.members.iter().any(|member| is_special(member.role)) {
            against.push(Reason::Initialised);
        }
        let first = record.members.first().filter(|_| matches!(language, Language::C | Language::Cpp));
        let first = first.and_then(|member| types.get(member.type_id).record());
        if first.is_some_and(|first| first.kind != RecordKind::Union) {
            against.push(Reason::FirstMember);
        }
        let is_hand_padding = |name: &str| {
            let name = name.trim_start_matches('_');
            name.starts_with("pad") && name[3..].chars().all(|c| c.is_ascii_digit() || c == '_')
                || matches!(name, "padding" | "cacheline" | "cache_line")
        };
        let is_blank = |name: &str| language == Language::Go && name == "_";
        let is_padding = |name: &str| is_hand_padding(name) || is_blank(name);
        if record.members.iter().any(|member| member.bits > Some(0) && is_padding(&member.name)) {
            against.push(Reason::HandPadding);
        }
    }
}

/// Whether the source is nobody's to change: it belongs to the system, the compiler or a registry.
pub(crate) fn is_foreign(types: &Types, found: &Type) -> bool {
    const ROOTS: [&str; 3] = ["/usr/", "/rustc/", "/nix/store/"];
    const FOLDERS: [&str; 3] = ["/.cargo/registry/", "/cargo/registry/", "/pkg/mod/"];
    let name = &*found.name;
    let (scope, is_standard) = match found.language {
        Language::Rust => {
            let crate_name = name.split("::").next().unwrap_or_default();
            let standard = ["core", "alloc", "std", "hashbrown", "compiler_builtins", "proc_macro"];
            (crate_name, standard.contains(&crate_name))
        }
        // Shapes are the compiler's; fields of an anonymous struct have their package before their names.
        Language::Go if name.starts_with("go.shape.") => ("", true),
        Language::Go if name.starts_with("struct {") => {
            let is_module = |word: &str| word.split_once('/').is_some_and(|(first, _)| first.contains('.'));
            ("", name.contains('.') && !name.contains(" main.") && !name.split(' ').any(is_module))
        }
        Language::Go => {
            let package = name.rsplit_once('.').map_or("", |(package, _)| package);
            // The packages of Go itself have no dot in their first element, and are not called `main`.
            let first = package.split('/').next().unwrap_or("");
            (package, package != "main" && !first.contains('.'))
        }
        _ => ("", false),
    };
    let path = found.source.as_ref().map(|source| &*source.file);
    let path = path.or_else(|| types.root(scope).first().map(|file| &**file)).unwrap_or_default();
    is_standard
        || ROOTS.iter().any(|root| path.starts_with(root))
        || FOLDERS.iter().any(|folder| path.contains(folder))
}

fn of_source(found: &Type, declaration: &Declaration, against: &mut Vec<Reason>) {
    let name = short_name(&found.name);
    let file = &declaration.file;
    match found.language {
        Language::Rust => of_rust(name, declaration, against),
        Language::Go => of_go(name, file, against),
        _ => of_c(name, file, against),
    }
}

/// The last part of a name, without arguments.
pub(crate) fn short_name(name: &str) -> &str {
    let plain = name.split(['<', '[']).next().unwrap_or(name);
    plain.rsplit([':', '.']).next().unwrap_or(plain)
}

fn any_line(file: &SourceFile, holds: impl Fn(&str) -> bool) -> bool {
    file.lines.iter().any(|line| holds(code_of(line)))
}

fn of_c(name: &str, file: &SourceFile, against: &mut Vec<Reason>) {
    let is_header = file.path.extension().is_none_or(|extension| {
        extension.to_str().is_some_and(|extension| extension.starts_with('h') || extension == "inl")
    });
    if is_header {
        against.push(Reason::Header);
    }
    if any_line(file, |line| line.contains("offsetof") && has_word(line, name)) {
        against.push(Reason::Offset);
    }
    if any_line(file, |line| line.contains("operator<=>") && line.contains("default")) {
        against.push(Reason::Comparison);
    }
    let writes = |line: &str| {
        ["fwrite", "fread", "write(", "read(", "memcmp", "send(", "recv("]
            .iter()
            .any(|call| line.contains(call))
            && line.contains("sizeof")
    };
    if any_line(file, |line| writes(line) && has_word(line, name)) {
        against.push(Reason::Serialised);
    }
    // `struct name object = { 1, ..` and `(struct name){ 1, ..`: a brace without a dot behind it.
    let is_positional = |line: &str| {
        let Some(at) = find_word(line, name) else { return false };
        let rest = &line[at + name.len()..];
        let opened = rest.find("= {").map(|at| at + 3).or(rest.find("={").map(|at| at + 2));
        let opened = opened.or(rest.find("){").map(|at| at + 2)).or(rest.find(") {").map(|at| at + 3));
        let inner = opened.map(|at| rest[at..].trim_start());
        inner.is_some_and(|inner| {
            let is_empty = inner.starts_with('}') || inner.starts_with("0}") || inner.starts_with("0 }");
            !inner.is_empty() && !inner.starts_with('.') && !is_empty && inner.contains(',')
        })
    };
    if any_line(file, is_positional) {
        against.push(Reason::Positional);
    }
}

fn of_rust(name: &str, declaration: &Declaration, against: &mut Vec<Reason>) {
    let file = &declaration.file;
    let attributes = attributes_above(declaration);
    let derives = |names: &[&str]| {
        attributes.iter().any(|line| line.contains("derive") && names.iter().any(|name| has_word(line, name)))
    };
    if derives(&["PartialOrd", "Ord", "Hash"]) {
        against.push(Reason::Comparison);
    }
    let by_bytes = ["Pod", "FromBytes", "IntoBytes", "AsBytes", "NoUninit", "AnyBitPattern", "Archive"];
    let by_order = ["Serialize", "Deserialize", "BorshSerialize", "Encode", "Decode"];
    if derives(&by_bytes) || derives(&by_order) {
        against.push(Reason::Serialised);
    }
    if is_in_foreign_function(file, name) {
        against.push(Reason::ForeignFunction);
    }
    if any_line(file, |line| line.contains("offset_of!") && has_word(line, name)) {
        against.push(Reason::Offset);
    }
    if code_of(&file.lines[declaration.name_line]).contains(&format!("{name}(")) {
        against.push(Reason::Positional);
    }
}

/// Whether a function of C, declared or defined, names the type between its `fn` and its body; or a block of
/// such declarations does.
fn is_in_foreign_function(file: &SourceFile, name: &str) -> bool {
    let (mut is_block, mut is_head) = (false, false);
    file.lines.iter().any(|line| {
        let code = code_of(line);
        is_block |= code.contains("extern \"C\" {") || code.contains("extern \"C-unwind\" {");
        let is_first = code.contains("extern \"C\" fn ") || code.contains("extern \"C-unwind\" fn ");
        is_head |= is_first;
        let found = (is_block || is_head) && has_word(code, name);
        is_head &= !code.contains(['{', ';']);
        is_block &= !line.starts_with('}');
        found
    })
}

/// The attributes and comments that stand directly above a declaration.
pub(crate) fn attributes_above(declaration: &Declaration) -> Vec<String> {
    let lines = &declaration.file.lines[..=declaration.name_line];
    let is_above = |line: &&String| {
        let text = line.trim_start();
        text.starts_with('#') || text.starts_with("//") || text.ends_with(")]")
    };
    let (last, above) = lines.split_last().expect("the line of the name is there");
    let above = above.iter().rev().take_while(is_above).cloned();
    above.chain([last.clone()]).collect()
}

fn of_go(name: &str, file: &SourceFile, against: &mut Vec<Reason>) {
    if any_line(file, |line| {
        line.contains("unsafe.Offsetof") || line.contains("unsafe.Sizeof") && has_word(line, name)
    }) {
        against.push(Reason::Offset);
    }
    if any_line(file, |line| line.contains("binary.Read(") || line.contains("binary.Write(")) {
        against.push(Reason::Serialised);
    }
    if any_line(file, |line| line.trim() == "import \"C\"") {
        against.push(Reason::ForeignFunction);
    }
    let is_positional = |line: &str| {
        let Some(at) = find_word(line, name) else { return false };
        let Some(inner) = line[at + name.len()..].strip_prefix('{') else { return false };
        let first = inner.split([',', '}']).next().unwrap_or("").trim();
        !first.is_empty() && !first.contains(':') && !line.contains("struct")
    };
    if any_line(file, is_positional) {
        against.push(Reason::Positional);
    }
}

/// Where a name stands by itself in a line.
fn find_word(line: &str, word: &str) -> Option<usize> {
    let is_part = |c: char| c.is_alphanumeric() || c == '_';
    line.match_indices(word)
        .map(|(at, _)| at)
        .find(|&at| !line[..at].ends_with(is_part) && !line[at + word.len()..].starts_with(is_part))
}

fn has_word(line: &str, word: &str) -> bool {
    find_word(line, word).is_some()
}
