//! The pages of the documentation that hold figures: what stands between two marks is written anew.

pub(crate) mod table;

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use crate::outcome::{Comparison, Study};
use crate::{curves, plot};

/// The page of figures, from the root of the repository.
const PAGE: &str = "docs/performance.md";
/// Where pictures are.
const PICTURES: &str = "docs/pictures";
/// The front page, which quotes a few.
const FRONT: &str = "README.md";

/// Writes the plot, the table, and what the front page says of both.
pub(crate) fn write_comparison(comparison: &Comparison) -> Result<()> {
    write(&format!("{PICTURES}/compare.svg"), &plot::draw(comparison))?;
    replace(PAGE, "compare", &table::all(comparison))?;
    replace(FRONT, "figures", &table::caption(comparison))
}

/// Writes the curves and their table.
pub(crate) fn write_study(study: &Study) -> Result<()> {
    write(&format!("{PICTURES}/scale.svg"), &curves::draw(study))?;
    let table = table::study(study);
    let text = format!("![how costs grow](pictures/scale.svg)\n\n{table}");
    replace(PAGE, "scale", &text)
}

fn path(file: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).with_file_name(file)
}

fn write(file: &str, text: &str) -> Result<()> {
    let path = path(file);
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    fs::write(&path, text).with_context(|| format!("cannot write {file}"))
}

fn replace(file: &str, mark: &str, text: &str) -> Result<()> {
    let old = fs::read_to_string(path(file)).with_context(|| format!("cannot read {file}"))?;
    let new = between(&old, mark, text).with_context(|| format!("no marks of {mark} in {file}"))?;
    write(file, &new)
}

/// `page` with `text` between `<!-- mark -->` and `<!-- /mark -->`; none without the marks.
fn between(page: &str, mark: &str, text: &str) -> Option<String> {
    let (first, last) = (format!("<!-- {mark} -->"), format!("<!-- /{mark} -->"));
    let (before, rest) = page.split_once(&first)?;
    let (_, after) = rest.split_once(&last)?;
    Some(format!(
        "{before}{first}\n\n{}\n\n{last}{after}",
        text.trim()
    ))
}

#[cfg(test)]
mod tests {
    #[test]
    fn only_what_stands_between_the_marks_is_written_anew() {
        let page = "a\n<!-- x -->old<!-- /x -->\nb <!-- y --><!-- /y -->";
        let new = super::between(page, "x", "new\n").unwrap();
        assert_eq!(
            new,
            "a\n<!-- x -->\n\nnew\n\n<!-- /x -->\nb <!-- y --><!-- /y -->"
        );
        assert!(super::between(page, "z", "new").is_none());
    }
}
