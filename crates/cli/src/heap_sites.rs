//! From a heap profile to the sites that weigh types.

use spandrel_layout::Site;
use spandrel_profile::{BYTES_LABEL, Profile, Sample, TYPE_CONFIDENCE_LABEL, TYPE_LABEL};

use crate::failure::Failure;

/// The sites of a profile, one a sample.
pub(crate) fn of(profile: &Profile) -> Result<Vec<Site>, Failure> {
    let index = |kind: &str| profile.sample_types.iter().position(|found| &*found.kind == kind);
    let (Some(live_objects), Some(live_bytes)) = (index("inuse_objects"), index("inuse_space")) else {
        return Err(Failure::new("the profile does not count objects in use: it has no inuse_objects"));
    };
    let (allocated_objects, allocated_bytes) = (index("alloc_objects"), index("alloc_space"));
    let site = |sample: &Sample| {
        let value = |index: usize| u64::try_from(sample.values[index]).unwrap_or(0);
        let (objects, bytes) = (value(live_objects), value(live_bytes));
        let all_objects = allocated_objects.map_or(objects, value);
        let all_bytes = allocated_bytes.map_or(bytes, value);
        let told = sample.number(BYTES_LABEL).and_then(|bytes| u64::try_from(bytes).ok());
        let mean = all_bytes.checked_div(all_objects).unwrap_or(0);
        Site {
            type_name: sample.text(TYPE_LABEL).map(ToString::to_string),
            is_inferred: sample
                .text(TYPE_CONFIDENCE_LABEL)
                .is_some_and(|confidence| &**confidence != "exact"),
            functions: functions(profile, sample),
            object_bytes: told.unwrap_or(mean),
            live_objects: objects,
            live_bytes: bytes,
            allocated_objects: all_objects,
            allocated_bytes: all_bytes,
        }
    };
    Ok(profile.samples.iter().map(site).collect())
}

/// The functions of a stack that are not the allocator's own, the innermost first.
fn functions(profile: &Profile, sample: &Sample) -> Vec<String> {
    let lines = sample.stack.iter().flat_map(|&location| &profile.location(location).lines);
    let names = lines.map(|line| profile.function(line.function).name.to_string());
    names.filter(|name| !name.starts_with("runtime.")).collect()
}
