//! Budgets: what types promise to be, in a file that CI checks.
//!
//! ```toml
//! allocator = "jemalloc"   # may be left out
//!
//! [types]
//! "app::Node" = ["size <= 64", "class == 64", "no-padding", "one-line"]
//! "app::Event" = "size <= 40"
//! ```
//!
//! A condition is a quantity, a comparison and a number of bytes, or one word:
//!
//! | condition | meaning |
//! |---|---|
//! | `size`, `align` | of the type |
//! | `class` | bytes that an object takes on the heap |
//! | `padding` | bytes that belong to no member, holes too |
//! | `deep-padding` | the same, in members of members too |
//! | `lines` | cache lines |
//! | `no-padding` | `padding == 0` |
//! | `one-line` | `lines <= 1` |
//! | `best-order` | no order of the members is smaller |

use std::fmt;
use std::str::FromStr;

use serde::Deserialize;

use crate::allocator::Allocator;
use crate::analysis::{Analysis, Analyzer};
use crate::lines;
use crate::types::FindError;

/// The budgets of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Budgets {
    /// The allocator whose classes count.
    pub allocator: Option<Allocator>,
    /// The types by their names, and what each promises.
    pub types: Vec<(String, Vec<Condition>)>,
}

/// One condition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Condition {
    quantity: Quantity,
    comparison: Comparison,
    bytes: u64,
    /// As it was written.
    text: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Quantity {
    Size,
    Align,
    Class,
    Padding,
    DeepPadding,
    Lines,
    Excess,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Comparison {
    LessOrEqual,
    Less,
    Equal,
    Greater,
    GreaterOrEqual,
}

/// A promise that is not kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Broken {
    /// The name of the type.
    pub name: String,
    /// The condition, as it was written.
    pub condition: String,
    /// What is true instead.
    pub actual: u64,
}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {} is broken: it is {}", self.name, self.condition, self.actual)
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    allocator: Option<String>,
    #[serde(default)]
    types: toml::Table,
}

impl FromStr for Budgets {
    type Err = String;

    /// Reads a file.
    ///
    /// ```
    /// use spandrel_layout::Budgets;
    ///
    /// let budgets: Budgets = "[types]\n\"a::B\" = [\"size <= 64\", \"no-padding\"]".parse()?;
    /// assert_eq!(budgets.types[0].1.len(), 2);
    /// assert!("[types]\nB = \"size about 64\"".parse::<Budgets>().is_err());
    /// # Ok::<(), String>(())
    /// ```
    fn from_str(text: &str) -> Result<Self, String> {
        let file: File = toml::from_str(text).map_err(|error| {
            let line = error.span().map_or(1, |span| text[..span.start].lines().count().max(1));
            format!("line {line}: {}", error.message().lines().next().unwrap_or("no TOML"))
        })?;
        let allocator = file.allocator.map(|name| name.parse()).transpose()?;
        let mut types = Vec::new();
        for (name, value) in file.types {
            let texts: Vec<String> = match value {
                toml::Value::String(text) => vec![text],
                value => value.try_into().map_err(|_| format!("`{name}` wants a text or a list of texts"))?,
            };
            let conditions: Result<_, String> = texts.iter().map(|text| text.parse()).collect();
            types.push((name.clone(), conditions.map_err(|error| format!("`{name}`: {error}"))?));
        }
        Ok(Self { allocator, types })
    }
}

impl FromStr for Condition {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let new = |quantity, comparison, bytes| {
            Ok(Self { quantity, comparison, bytes, text: text.trim().to_string() })
        };
        match text.trim() {
            "no-padding" => return new(Quantity::Padding, Comparison::Equal, 0),
            "one-line" => return new(Quantity::Lines, Comparison::LessOrEqual, 1),
            "best-order" => return new(Quantity::Excess, Comparison::Equal, 0),
            _ => {}
        }
        let wrong = || {
            format!(
                "`{text}` is no condition: write size, align, class, padding, deep-padding or lines, then \
                 <=, <, ==, > or >=, then a number; or no-padding, one-line, best-order"
            )
        };
        let at = text.find(['<', '=', '>']).ok_or_else(wrong)?;
        let (quantity, rest) = text.split_at(at);
        let end = rest.find(|c: char| !"<=>".contains(c)).ok_or_else(wrong)?;
        let (comparison, bytes) = rest.split_at(end);
        let quantity = match quantity.trim() {
            "size" => Quantity::Size,
            "align" => Quantity::Align,
            "class" => Quantity::Class,
            "padding" => Quantity::Padding,
            "deep-padding" => Quantity::DeepPadding,
            "lines" => Quantity::Lines,
            _ => return Err(wrong()),
        };
        let comparison = match comparison {
            "<=" => Comparison::LessOrEqual,
            "<" => Comparison::Less,
            "=" | "==" => Comparison::Equal,
            ">" => Comparison::Greater,
            ">=" => Comparison::GreaterOrEqual,
            _ => return Err(wrong()),
        };
        new(quantity, comparison, bytes.trim().parse().map_err(|_| wrong())?)
    }
}

impl Condition {
    /// What the condition is about, of a type.
    fn actual(&self, analysis: &Analysis, align: u64) -> u64 {
        match self.quantity {
            Quantity::Size => analysis.cost.bytes,
            Quantity::Align => align,
            Quantity::Class => analysis.cost.heap_bytes,
            Quantity::Padding => analysis.gaps.bits().div_ceil(8),
            Quantity::DeepPadding => analysis.deep_bits.div_ceil(8),
            Quantity::Lines => lines::lines(analysis.cost.bytes),
            Quantity::Excess => analysis.best.as_ref().map_or(0, |best| best.saved_bytes()),
        }
    }

    fn holds(&self, actual: u64) -> bool {
        match self.comparison {
            Comparison::LessOrEqual => actual <= self.bytes,
            Comparison::Less => actual < self.bytes,
            Comparison::Equal => actual == self.bytes,
            Comparison::Greater => actual > self.bytes,
            Comparison::GreaterOrEqual => actual >= self.bytes,
        }
    }
}

impl Budgets {
    /// The promises that are not kept.
    ///
    /// # Errors
    /// A budget names no type, or several.
    pub fn check(&self, analyzer: &mut Analyzer<'_>) -> Result<Vec<Broken>, FindError> {
        let mut broken = Vec::new();
        for (name, conditions) in &self.types {
            let id = analyzer.types().find(name)?;
            let analysis = analyzer.analyze(id);
            let align = analyzer.types().get(id).align.bytes();
            for condition in conditions {
                let actual = condition.actual(&analysis, align);
                if !condition.holds(actual) {
                    broken.push(Broken { name: name.clone(), condition: condition.text.clone(), actual });
                }
            }
        }
        Ok(broken)
    }
}
