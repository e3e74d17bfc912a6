//! Reads the tables of `capi-tests/contract`.

use std::fs;
use std::path::Path;

/// A row of `constants.tsv`.
#[derive(Clone, Debug)]
pub struct Constant {
    pub name: String,
    /// As it stands in the table: a number, a text in quotes, or a description.
    pub value: String,
    pub group: String,
    /// Whether the header declares it only with ZMQ_BUILD_DRAFT_API.
    pub draft: bool,
}

/// A row of `functions.tsv`.
#[derive(Clone, Debug)]
pub struct Function {
    pub name: String,
    /// What stands before the name.
    pub returns: String,
    /// What stands after the name, with the parentheses.
    pub parameters: String,
    /// Whether the header declares it only with ZMQ_BUILD_DRAFT_API.
    pub draft: bool,
}

pub fn constants() -> Vec<Constant> {
    rows("constants.tsv", "name\tvalue_dec\tvalue_hex\tgroup\tstatus")
        .into_iter()
        .map(|row| Constant {
            draft: is_draft(&row, 4),
            name: field(&row, 0),
            value: field(&row, 1),
            group: field(&row, 3),
        })
        .collect()
}

pub fn functions() -> Vec<Function> {
    rows("functions.tsv", "name\tc_signature\tstatus")
        .into_iter()
        .map(|row| {
            let name = field(&row, 0);
            let signature = field(&row, 1);
            let (returns, parameters) = signature
                .split_once(&format!("{name}("))
                .unwrap_or_else(|| panic!("{signature}"));
            Function {
                draft: is_draft(&row, 2),
                returns: returns.trim().to_owned(),
                parameters: format!("({parameters}"),
                name,
            }
        })
        .collect()
}

fn is_draft(row: &[String], column: usize) -> bool {
    match field(row, column).as_str() {
        "draft" => true,
        "stable" | "stable (undocumented)" | "legacy" => false,
        other => panic!("status {other:?} in {row:?}"),
    }
}

fn field(row: &[String], column: usize) -> String {
    row.get(column)
        .unwrap_or_else(|| panic!("no column {column} in {row:?}"))
        .clone()
}

fn rows(file: &str, heading: &str) -> Vec<Vec<String>> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("capi-tests/contract")
        .join(file);
    let text =
        fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let mut lines = text.lines();
    let first = lines.next().unwrap_or_default();
    assert!(first.starts_with(heading), "{file} begins with {first:?}");
    lines
        .filter(|line| !line.is_empty())
        .map(|line| line.split('\t').map(str::to_owned).collect())
        .collect()
}
