//! `spandrel layout`: which types waste memory, in which size class, and what to change.

use std::path::Path;
use std::process::ExitCode;

use spandrel_layout::{Analyzer, Budgets, Load, RecordKind, Search, TypeId, Types, Weights};
use spandrel_profile::{BinaryFiles, Profile};
use spandrel_report::layout::{Facts, Workspace, changes, messages, overview, picture, report, sarif};

use crate::args::LayoutArgs;
use crate::failure::Failure;
use crate::profiles::Loader;
use crate::{heap_sites, progress, terminal, workspace};

/// Reads the types, and shows of them what was asked for.
pub(crate) fn run(args: &LayoutArgs) -> Result<ExitCode, Failure> {
    let budgets = args.check.as_deref().map(budgets).transpose()?;
    let profile = args.profile.as_deref().map(|path| profile(args, path)).transpose()?;
    let mut types = load(args, &args.binary)?;
    if let Some(old) = &args.diff {
        let old = load(args, old)?;
        let all = spandrel_layout::changes(&old, &types);
        terminal::print(&changes(&all, &old, &types, terminal::stdout_columns()))?;
        return Ok(ExitCode::SUCCESS);
    }
    let workspace = workspace::find();
    for target in workspace.iter().flatten().flat_map(|workspace| &workspace.targets) {
        types.set_root(&target.name.replace('-', "_"), &target.src_path);
    }
    let allocator = args.allocator.or(budgets.as_ref().and_then(|budgets| budgets.allocator));
    let mut analyzer = Analyzer::new(&types, allocator);
    if let Some(budgets) = budgets {
        return check(&budgets, &mut analyzer);
    }
    let wanted = wanted(args, &analyzer)?;
    if args.patch {
        return patches(&wanted, &mut analyzer);
    }
    let sites = profile.as_ref().map(heap_sites::of).transpose()?;
    let weights = sites.map(|sites| Weights::new(&analyzer, &sites));
    show(args, &mut analyzer, &wanted, weights.as_ref(), workspace)
}

/// The heap profile, its objects with types as far as the program tells them.
fn profile(args: &LayoutArgs, path: &Path) -> Result<Profile, Failure> {
    let mut files = BinaryFiles { binaries: vec![args.binary.clone()], ..BinaryFiles::default() };
    files.search.debug_folders.extend(args.debug_dir.iter().cloned());
    Loader::with_files(files).load(path)
}

fn load(args: &LayoutArgs, path: &Path) -> Result<Types, Failure> {
    let search = match args.debug_dir.as_slice() {
        [] => Search::default(),
        folders => Search { debug_folders: folders.to_vec() },
    };
    let progress = progress::Progress::new("reading units");
    let load =
        Load { search: &search, threads: args.threads, progress: &|done, all| progress.tell(done, all) };
    let types = Types::load(path, load).map_err(Failure::new);
    drop(progress);
    let types = types?;
    match types.problems() {
        [first, ..] if types.is_empty() => {
            Err(Failure::new(format_args!("`{}` has no types that can be read: {first}", path.display())))
        }
        _ => Ok(types),
    }
}

/// The types that were named, or all that somebody wrote; where nobody did, all.
fn wanted(args: &LayoutArgs, analyzer: &Analyzer<'_>) -> Result<Vec<TypeId>, Failure> {
    let types = analyzer.types();
    if !args.types.is_empty() {
        return args.types.iter().map(|name| types.find(name).map_err(Failure::new)).collect();
    }
    let records = || types.records().filter(|(_, _, record)| record.kind != RecordKind::Variant);
    let all = || records().map(|(id, ..)| id);
    let own: Vec<TypeId> = all().filter(|&id| args.all || analyzer.is_own(id)).collect();
    let mut wanted = if own.is_empty() { all().collect() } else { own };
    // Threads collect types in any order.
    wanted.sort_by_key(|&id| {
        let found = types.get(id);
        (&found.name, found.bytes, &found.source)
    });
    Ok(wanted)
}

fn show(
    args: &LayoutArgs,
    analyzer: &mut Analyzer<'_>,
    wanted: &[TypeId],
    weights: Option<&Weights>,
    workspace: Result<Option<Workspace>, Failure>,
) -> Result<ExitCode, Failure> {
    let binary = args.binary.display().to_string();
    let report = report(Facts { binary: &binary, analyzer, wanted, weights });
    let width = terminal::stdout_columns();
    let text = if args.json {
        serde_json::to_string_pretty(&report).map_err(Failure::new)? + "\n"
    } else if args.sarif {
        let folder = std::env::current_dir().map_err(Failure::new)?;
        serde_json::to_string_pretty(&sarif(&report, &folder.display().to_string())).map_err(Failure::new)?
            + "\n"
    } else if args.message_format.is_some() {
        messages(&report, &workspace?.ok_or_else(workspace::absent)?)
    } else if args.types.is_empty() {
        overview(&report, args.top, width)
    } else {
        let pictures: Vec<String> = report.types.iter().map(|found| picture(found, width)).collect();
        pictures.join("\n")
    };
    terminal::print(&text)?;
    Ok(ExitCode::SUCCESS)
}

fn budgets(path: &Path) -> Result<Budgets, Failure> {
    let failure = |what: &dyn std::fmt::Display| Failure::new(format_args!("`{}`: {what}", path.display()));
    let text = std::fs::read_to_string(path).map_err(|error| failure(&error))?;
    text.parse().map_err(|error: String| failure(&error))
}

fn check(budgets: &Budgets, analyzer: &mut Analyzer<'_>) -> Result<ExitCode, Failure> {
    let broken = budgets.check(analyzer).map_err(Failure::new)?;
    let types = budgets.types.len();
    if broken.is_empty() {
        let noun = if types == 1 { "type keeps its" } else { "types keep their" };
        terminal::print(&format!("{types} {noun} budgets\n"))?;
        return Ok(ExitCode::SUCCESS);
    }
    let lines: String = broken.iter().map(|broken| format!("{broken}\n")).collect();
    terminal::print(&lines)?;
    Ok(ExitCode::from(1))
}

/// Prints one change for each type that has a better order; for the others, a line that says why not.
fn patches(wanted: &[TypeId], analyzer: &mut Analyzer<'_>) -> Result<ExitCode, Failure> {
    let types = analyzer.types();
    let folder = std::env::current_dir().map_err(Failure::new)?;
    let mut text = String::new();
    for &id in wanted {
        let analysis = analyzer.analyze(id);
        let Some(verdict) = &analysis.verdict else { continue };
        let name = &types.get(id).name;
        let Ok(best) = &analysis.best else { continue };
        if !verdict.reasons().is_empty() {
            terminal::complain(&format!("`{name}` {verdict}"));
        }
        if verdict.word() == "forbidden" {
            continue;
        }
        match spandrel_layout::patch(types, id, best, analyzer.sources()) {
            Ok(patch) => text.push_str(&patch.unified(&folder)),
            Err(reason) => terminal::complain(&format!("no patch for `{name}`: {reason}")),
        }
    }
    terminal::print(&text)?;
    Ok(ExitCode::SUCCESS)
}
