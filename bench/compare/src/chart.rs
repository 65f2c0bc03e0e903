//! The families as a bar chart for a page: an SVG with a ground of its own, so that it can be read on light
//! and on dark.

use std::error::Error;

use plotters::chart::ChartContext;
use plotters::coord::Shift;
use plotters::coord::types::RangedCoordf64;
use plotters::prelude::{
    Cartesian2d, ChartBuilder, Color, DrawingArea, IntoDrawingArea, IntoFont, PathElement, RGBColor,
    Rectangle, SVGBackend, Text, TextStyle, WHITE,
};
use plotters::style::FontStyle;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use crate::contender::KNOWN;
use crate::families::{self, Family};
use crate::results::Results;

const WIDTH_PX: u32 = 1000;
const MARGIN_PX: i32 = 24;
const FOOT_PX: u32 = 34;
const AXIS_PX: u32 = 46;
const BAR_PX: f64 = 12.0;
/// Room above the bars of a family for its title, counted in bars.
const TITLE_BARS: f64 = 2.4;
/// Share of a bar's room that is drawn.
const BAR_SHARE: f64 = 0.86;
/// Longer bars are cut off here; the figure behind them tells how long they are.
const RATIO_MAX: f64 = 4.0;
const RATIO_MAX_LEAST: f64 = 1.5;
/// Room for the figure behind the longest bar, as a share of the axis.
const FIGURE_SHARE: f64 = 0.12;
const LEGEND_TOP_PX: i32 = 76;
const LEGEND_LINE_PX: i32 = 20;
const LEGEND_BOX_PX: i32 = 11;
/// Room for a name in the legend: what each has, and what each of ten letters adds.
const LEGEND_ENTRY_PX: i32 = 22;
const LEGEND_TEN_LETTERS_PX: i32 = 73;
/// Between a bar and its figure, on the axis.
const FIGURE_GAP: f64 = 0.03;

const HERO: RGBColor = RGBColor(0xD6, 0x27, 0x28);
const INK: RGBColor = RGBColor(0x22, 0x22, 0x22);
const FAINT_INK: RGBColor = RGBColor(0x66, 0x66, 0x66);
const GRID: RGBColor = RGBColor(0xDD, 0xDD, 0xDD);
/// Of the others, in the order of the list of contenders: told apart by hue, none as strong as the hero's.
const OTHERS: [RGBColor; 10] = [
    RGBColor(0x8A, 0x8A, 0x8A),
    RGBColor(0x4E, 0x79, 0xA7),
    RGBColor(0xA0, 0xCB, 0xE8),
    RGBColor(0x59, 0xA1, 0x4F),
    RGBColor(0xE0, 0xA8, 0x3A),
    RGBColor(0x9C, 0x75, 0x5F),
    RGBColor(0x5F, 0xB3, 0xB3),
    RGBColor(0xB0, 0x7A, 0xA1),
    RGBColor(0xA9, 0xC4, 0x7F),
    RGBColor(0x6B, 0x6E, 0xB5),
];

type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;
type Panel<'a, 'b> = ChartContext<'a, SVGBackend<'b>, Cartesian2d<RangedCoordf64, RangedCoordf64>>;
type Drawn = Result<(), Box<dyn Error>>;

/// Draws all families of the results, with `hero` standing out.
///
/// # Errors
/// When there is no family with a geometric mean.
pub(crate) fn svg(results: &Results, hero: &str) -> Result<String, Box<dyn Error>> {
    let families = families::all(results);
    let names = names(&families);
    if names.is_empty() {
        return Err("nothing to draw: there is no row that all contenders finished".into());
    }
    let (left, right) = families.split_at(families.len().div_ceil(2));
    let panels: Vec<&[Family]> = [left, right].into_iter().filter(|panel| !panel.is_empty()).collect();
    let scale = Scale {
        bars: panels.iter().map(|panel| panel.iter().map(room_bars).sum()).fold(0.0, f64::max),
        ratio_max: ratio_max(&families),
    };
    let plot_px = (scale.bars * BAR_PX) as u32 + AXIS_PX;
    let mut text = String::new();
    {
        let head_px = LEGEND_TOP_PX + Legend::of(&names).lines * LEGEND_LINE_PX + LEGEND_LINE_PX / 2;
        let head_px = head_px.unsigned_abs();
        let size = (WIDTH_PX, head_px + plot_px + FOOT_PX);
        let root = SVGBackend::with_string(&mut text, size).into_drawing_area();
        root.fill(&WHITE)?;
        let (head, rest) = root.split_vertically(head_px);
        let (plot, foot) = rest.split_vertically(plot_px);
        draw_head(&head, &names, hero)?;
        for (area, families) in plot.split_evenly((1, panels.len())).iter().zip(&panels) {
            draw_panel(area, families, scale, hero)?;
        }
        draw_text(&foot, &footer(results), (MARGIN_PX, 10), &font(12, FontStyle::Normal, FAINT_INK))?;
        root.present()?;
    }
    Ok(text)
}

/// What both panels have in common.
#[derive(Clone, Copy, Debug)]
struct Scale {
    /// Height, counted in bars.
    bars: f64,
    /// Where the axis ends.
    ratio_max: f64,
}

/// Where the names go.
#[derive(Clone, Copy, Debug)]
struct Legend {
    entry_px: i32,
    entries_a_line: i32,
    lines: i32,
}

impl Legend {
    fn of(names: &[&str]) -> Legend {
        let letters = names.iter().map(|name| name.len()).max().unwrap_or(0) as i32;
        let entry_px = LEGEND_ENTRY_PX + LEGEND_TEN_LETTERS_PX * letters / 10;
        let entries_a_line = (WIDTH_PX as i32 - 2 * MARGIN_PX) / entry_px;
        let lines = (names.len() as i32 + entries_a_line - 1) / entries_a_line;
        Legend { entry_px, entries_a_line, lines }
    }
}

fn draw_head(area: &Area<'_>, names: &[&str], hero: &str) -> Drawn {
    let title = format!("{hero} and its peers: multiples of the best, shorter is better");
    draw_text(area, &title, (MARGIN_PX, 14), &font(22, FontStyle::Bold, INK))?;
    let what =
        "geometric mean over the rows of a family; 1.00 is an allocator that is the best on all of them";
    draw_text(area, what, (MARGIN_PX, 46), &font(13, FontStyle::Normal, FAINT_INK))?;
    let legend = Legend::of(names);
    for (index, name) in (0..).zip(names) {
        let left = MARGIN_PX + index % legend.entries_a_line * legend.entry_px;
        let top = LEGEND_TOP_PX + index / legend.entries_a_line * LEGEND_LINE_PX;
        let corners = [(left, top), (left + LEGEND_BOX_PX, top + LEGEND_BOX_PX)];
        area.draw(&Rectangle::new(corners, colour(name, hero).filled()))?;
        let style = font(13, if *name == hero { FontStyle::Bold } else { FontStyle::Normal }, INK);
        draw_text(area, name, (left + LEGEND_BOX_PX + 6, top - 2), &style)?;
    }
    Ok(())
}

fn draw_panel(area: &Area<'_>, families: &[Family], scale: Scale, hero: &str) -> Drawn {
    let mut panel: Panel<'_, '_> = ChartBuilder::on(area)
        .margin_left(MARGIN_PX)
        .margin_right(MARGIN_PX)
        .x_label_area_size(AXIS_PX)
        .build_cartesian_2d(0.0..scale.ratio_max * (1.0 + FIGURE_SHARE), scale.bars..0.0)?;
    panel
        .configure_mesh()
        .disable_y_mesh()
        .disable_y_axis()
        .max_light_lines(0)
        .bold_line_style(GRID)
        .axis_style(GRID)
        .x_labels(8)
        .x_label_formatter(&|ratio| format!("{ratio}"))
        .x_label_style(font(12, FontStyle::Normal, FAINT_INK))
        .x_desc("ratio to the best of each row")
        .axis_desc_style(font(13, FontStyle::Normal, INK))
        .draw()?;
    let mut top = 0.0;
    for family in families {
        draw_family(&mut panel, family, top, scale.ratio_max, hero)?;
        top += room_bars(family);
    }
    Ok(())
}

fn draw_family(panel: &mut Panel<'_, '_>, family: &Family, top: f64, ratio_max: f64, hero: &str) -> Drawn {
    let rows = if family.rows == 1 { "1 row".to_owned() } else { format!("{} rows", family.rows) };
    let title = format!("{} ({rows})", family.title);
    let style = font(14, FontStyle::Bold, INK).pos(Pos::new(HPos::Left, VPos::Bottom));
    panel.draw_series([Text::new(title, (0.0, top + TITLE_BARS - 0.3), style)])?;
    let end = top + room_bars(family) - (1.0 - BAR_SHARE);
    panel.draw_series([PathElement::new([(1.0, top + TITLE_BARS), (1.0, end)], FAINT_INK)])?;
    for (index, (name, mean)) in (0u32..).zip(&family.means) {
        let top = top + TITLE_BARS + f64::from(index);
        let length = mean.min(ratio_max);
        let corners = [(0.0, top), (length, top + BAR_SHARE)];
        panel.draw_series([Rectangle::new(corners, colour(name, hero).filled())])?;
        let weight = if name == hero { FontStyle::Bold } else { FontStyle::Normal };
        let style = font(11, weight, INK).pos(Pos::new(HPos::Left, VPos::Center));
        let figure = format!("{}{mean:.2}", if *mean > ratio_max { "» " } else { "" });
        let place = (length + FIGURE_GAP, top + BAR_SHARE / 2.0);
        panel.draw_series([Text::new(figure, place, style)])?;
    }
    Ok(())
}

fn draw_text(area: &Area<'_>, text: &str, place: (i32, i32), style: &TextStyle<'_>) -> Drawn {
    area.draw_text(text, style, place)?;
    Ok(())
}

fn font(size_px: u32, weight: FontStyle, ink: RGBColor) -> TextStyle<'static> {
    ("sans-serif", size_px, weight).into_font().color(&ink)
}

fn colour(name: &str, hero: &str) -> RGBColor {
    if name == hero {
        return HERO;
    }
    let others = KNOWN.iter().filter(|known| known.name != hero);
    let index = others.take_while(|known| known.name != name).count();
    OTHERS[index % OTHERS.len()]
}

/// All contenders that have a bar, in the order of the list of contenders.
fn names(families: &[Family]) -> Vec<&str> {
    let has_bar = |name: &str| families.iter().any(|family| family.means.iter().any(|mean| mean.0 == name));
    KNOWN.iter().map(|known| known.name).filter(|name| has_bar(name)).collect()
}

fn room_bars(family: &Family) -> f64 {
    TITLE_BARS + family.means.len() as f64
}

fn ratio_max(families: &[Family]) -> f64 {
    let means = families.iter().flat_map(|family| family.means.iter().map(|mean| mean.1));
    means.fold(0.0, f64::max).clamp(RATIO_MAX_LEAST, RATIO_MAX)
}

fn footer(results: &Results) -> String {
    let Some(first) = results.conditions.first() else {
        return String::new();
    };
    let date = first.begun.split('T').next().unwrap_or(&first.begun);
    let quick = if first.is_quick { "; a quick run: these figures mean nothing" } else { "" };
    let tracks: Vec<String> = families::shown_tracks(results).map(|track| track.to_string()).collect();
    format!(
        "{date}; {}, {} cores, Linux {}; {}; medians of {} rounds{quick}",
        first.processor,
        first.cores,
        first.kernel,
        tracks.join("; "),
        first.rounds
    )
}

#[cfg(test)]
mod tests {
    use super::{colour, svg};
    use crate::contender::KNOWN;
    use crate::results::tests::planned;
    use crate::track::Track;

    #[test]
    fn bars_figures_and_names_are_drawn() {
        let results = planned(
            Track::RustRelease,
            &[
                ("pair8", "pairs", &[("spandrel", 2.0, 1024), ("glibc", 22.5, 1024)]),
                ("fifo", "batches", &[("spandrel", 3.0, 4096), ("glibc", 2.0, 1024)]),
            ],
        );
        let drawing = svg(&results, "spandrel").expect("two families");
        assert!(drawing.starts_with("<svg") && drawing.trim_end().ends_with("</svg>"), "{drawing}");
        for text in ["pairs, time (1 row)", "1.50", "» 11.25", "glibc", "2026-01-31; A processor, 2 cores"] {
            assert!(drawing.contains(text), "{text} is not in {drawing}");
        }
    }

    #[test]
    fn no_two_contenders_of_the_default_have_one_colour() {
        let names: Vec<&str> =
            KNOWN.iter().filter(|known| known.by_default).map(|known| known.name).collect();
        for (index, name) in names.iter().enumerate() {
            let is_unique =
                names[..index].iter().all(|other| colour(other, "spandrel") != colour(name, "spandrel"));
            assert!(is_unique, "{name}");
        }
    }

    #[test]
    fn nothing_is_no_chart() {
        let results =
            planned(Track::Preload, &[("a", "C patterns", &[("spandrel", 0.0, 0), ("glibc", 0.0, 0)])]);
        assert!(svg(&results, "spandrel").is_err());
    }
}
