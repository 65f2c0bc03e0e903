//! `spandrel run`: a program under the library, and a report of where its memory went.

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::process::{Command, ExitCode};
use std::time::Duration;

use spandrel_report::schema::RunReport;
use spandrel_report::{RunFacts, text};
use tempfile::TempDir;

use crate::args::RunArgs;
use crate::child::{Outcome, supervise};
use crate::failure::Failure;
use crate::output_file::OutputFile;
use crate::push::{self, Pusher};
use crate::sampler::Sampler;
use crate::{options, preload, program, records, run_profile, terminal};

/// The time from one push to the next, unless it was said.
const PUSH_INTERVAL: Duration = Duration::from_secs(10);

/// Everything that can be refused is refused before the program starts.
pub(crate) fn run(args: &RunArgs) -> Result<ExitCode, Failure> {
    let Some((name, arguments)) = args.command.split_first() else {
        return Err(Failure::new("no program to run: say `spandrel run -- CMD ARG...`"));
    };
    let program = program::find(name)?;
    let records = folder("records")?;
    let wants_profiles = args.profile.is_some() || args.push.is_some();
    let profiles = wants_profiles.then(|| folder("heap profiles")).transpose()?;
    let user_options = std::env::var_os(options::VARIABLE);
    let mut child_options = options::for_child(
        user_options.as_deref(),
        records.path(),
        profiles.as_ref().map(TempDir::path),
        args.stats.is_some(),
        args.serve.as_deref(),
    )?;
    if args.hardened {
        child_options += ",hardened=1";
    }
    let library = preload::unpack()?;
    let json = args.json.as_deref().map(|path| OutputFile::claim(path, "JSON")).transpose()?;
    let profile =
        args.profile.as_deref().map(|path| OutputFile::claim(path, "a heap profile")).transpose()?;
    for note in &program.notes {
        terminal::complain(note);
    }
    let mut command = Command::new(&program.path);
    command
        .arg0(name)
        .args(arguments)
        .env(options::VARIABLE, child_options)
        .env("LD_PRELOAD", preload::ld_preload(&library, std::env::var_os("LD_PRELOAD").as_deref()));

    let pusher = args.push.clone().zip(profiles.as_ref()).map(|(target, folder)| {
        let interval = args.push_interval.unwrap_or(PUSH_INTERVAL);
        Pusher::start(target, folder.path().to_path_buf(), push::service_name(&program.path), interval)
    });
    let mut sampler = args.stats.map(|interval| Sampler::new(records.path(), interval));
    let outcome = supervise(&mut command, args.stats, |elapsed| {
        if let Some(sampler) = &mut sampler {
            sampler.sample(elapsed);
        }
    })?;
    if let Some(pusher) = pusher {
        pusher.finish();
    }
    let report = report(args, outcome, &records, sampler);
    terminal::report(&text::run(&report, terminal::stderr_columns()));
    let written = [
        json.map_or(Ok(()), |json| json.write_json(&report)),
        profile.zip(profiles).map_or(Ok(()), |(file, folder)| run_profile::finish(folder.path(), file)),
    ];
    let mut exit_code = outcome.exit_code;
    for failure in written.into_iter().filter_map(Result::err) {
        if let Failure::Said(line) = failure {
            terminal::complain(&line);
            // A failure of ours must not look like success, nor hide the program's own.
            exit_code = exit_code.max(2);
        }
    }
    Ok(ExitCode::from(exit_code))
}

/// A folder of the user's alone; it goes when the value goes.
fn folder(what: &str) -> Result<TempDir, Failure> {
    let parent = std::env::temp_dir();
    std::path::absolute(&parent)
        .and_then(|parent| {
            tempfile::Builder::new()
                .prefix("spandrel-")
                .permissions(Permissions::from_mode(0o700))
                .tempdir_in(parent)
        })
        .map_err(|error| {
            Failure::new(format_args!(
                "cannot make a folder for {what} in `{}` ({}): set TMPDIR to another one",
                parent.display(),
                error.kind()
            ))
        })
}

fn report(args: &RunArgs, outcome: Outcome, records: &TempDir, sampler: Option<Sampler>) -> RunReport {
    let (records, skipped) = records::read_all(records.path());
    RunReport::new(RunFacts {
        command: args.command.iter().map(|argument| argument.to_string_lossy().into_owned()).collect(),
        exit_code: i32::from(outcome.exit_code),
        signal: outcome.signal,
        elapsed: outcome.elapsed,
        records,
        skipped,
        samples: sampler.map(Sampler::into_series),
    })
}
