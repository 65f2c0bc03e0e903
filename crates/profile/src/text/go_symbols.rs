//! The names that Go writes as comments below each row: address, `main.order+0x17` and `main.go:40`, by tabs.
//!
//! Go names every frame but its own runtime's at the top of the stack, where nobody wants to look.

use std::collections::HashMap;

use crate::builder::Builder;
use crate::model::{Function, Line};

/// A name and a place in the source.
pub(super) struct Symbol<'a> {
    function: &'a str,
    file: &'a str,
    line: i64,
}

/// The symbols of a text by address.
pub(super) fn of(text: &str) -> HashMap<u64, Symbol<'_>> {
    text.lines().filter_map(|line| symbol(line.strip_prefix('#')?)).collect()
}

fn symbol(line: &str) -> Option<(u64, Symbol<'_>)> {
    let mut words = line.split('\t').filter(|word| !word.is_empty());
    let address = u64::from_str_radix(words.next()?.strip_prefix("0x")?, 16).ok()?;
    let (function, _offset) = words.next()?.rsplit_once("+0x")?;
    let (file, line) = words.next()?.rsplit_once(':')?;
    Some((address, Symbol { function, file, line: line.parse().ok()? }))
}

/// The stack from the first function on that is not Go's runtime, as Go itself cuts it in its protobuf; what
/// there is of it in the text, if all is runtime.
pub(super) fn without_allocator<'a>(stack: &'a [u64], symbols: &HashMap<u64, Symbol<'_>>) -> &'a [u64] {
    let is_runtime = |name: &str| name.starts_with("runtime.") || name.starts_with("internal/runtime/");
    let user = stack.iter().position(|it| symbols.get(it).is_some_and(|it| !is_runtime(it.function)));
    let named = || stack.iter().position(|it| symbols.contains_key(it));
    &stack[user.or_else(named).unwrap_or(0)..]
}

impl Symbol<'_> {
    /// The line of a location.
    pub(super) fn line(&self, builder: &mut Builder) -> Line {
        let function = builder.function(Function {
            name: self.function.into(),
            system_name: self.function.into(),
            file: self.file.into(),
            start_line: 0,
        });
        Line { function, line: self.line, column: 0 }
    }
}
