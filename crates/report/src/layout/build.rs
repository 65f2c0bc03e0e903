//! From types and their analyses to a report.

use spandrel_layout::{
    Align, Analysis, Analyzer, Level, Member, Role, Type, TypeId, Variants, Weights, lines, variants,
};

use super::schema::{
    BestReport, CostReport, FindingReport, GapReport, HeapReport, LAYOUT_SCHEMA, LAYOUT_VERSION,
    LayoutReport, MemberReport, PlaceReport, TagReport, TypeReport, VariantReport, WeightReport,
};

/// What a report is made of.
#[derive(Debug)]
pub struct Facts<'a, 'types> {
    /// The file that was read.
    pub binary: &'a str,
    /// The types, and what answers questions about them.
    pub analyzer: &'a mut Analyzer<'types>,
    /// The types that were asked for.
    pub wanted: &'a [TypeId],
    /// The objects of a heap profile, if there is one.
    pub weights: Option<&'a Weights>,
}

/// The report of some types.
#[must_use]
pub fn report(facts: Facts<'_, '_>) -> LayoutReport {
    let types = facts.analyzer.types();
    let reports = facts.wanted.iter().map(|&id| {
        let analysis = facts.analyzer.analyze(id);
        type_report(facts.analyzer, &analysis, facts.weights)
    });
    LayoutReport {
        schema: LAYOUT_SCHEMA,
        version: LAYOUT_VERSION,
        binary: facts.binary.to_string(),
        records: types.records().count(),
        types: reports.collect(),
        problems: types.problems().to_vec(),
        heap: facts.weights.map(|weights| HeapReport {
            live_bytes: weights.live_bytes,
            attributed_bytes: weights.attributed_bytes,
            inferred_bytes: weights.inferred_bytes,
            unattributed_bytes: weights.unattributed_bytes(),
        }),
    }
}

fn type_report(analyzer: &mut Analyzer<'_>, analysis: &Analysis, weights: Option<&Weights>) -> TypeReport {
    let types = analyzer.types();
    let found = types.get(analysis.id);
    let record = found.record().expect("only records are reported");
    let members = record.members.iter().map(|member| member_report(analyzer, member)).collect();
    let variant_reports = match &record.variants {
        Some(variants) => variant_reports(analyzer, found, variants),
        None => Vec::new(),
    };
    let tag = record.variants.as_ref().and_then(|variants| {
        let (offset_bits, bits) = variants.tag?;
        Some(TagReport { offset_bits, bits, is_niche: variants.is_niche() })
    });
    TypeReport {
        name: found.name.to_string(),
        kind: record.kind.to_string(),
        language: found.language.to_string(),
        is_own: analyzer.is_own(analysis.id),
        units: types.units(analysis.id),
        bytes: found.bytes,
        align: found.align.bytes(),
        is_align_bound: matches!(found.align, Align::AtMost(_)),
        source: place(analyzer, found),
        members,
        variants: variant_reports,
        tag,
        gaps: gaps(analysis),
        hole_bytes: analysis.gaps.hole_bytes(),
        padding_bytes: analysis.gaps.padding_bytes(),
        deep_padding_bits: analysis.deep_bits,
        lines: lines::lines(analysis.cost.bytes),
        best: best(analysis, &record.members),
        obstacle: analysis.best.as_ref().err().map(ToString::to_string),
        cost: CostReport {
            allocator: analyzer.allocator(analysis.id).to_string(),
            heap_bytes: analysis.cost.heap_bytes,
            heap_bytes_best: analysis.cost.heap_bytes_best,
            head_room: analysis.cost.head_room,
            next_cheaper: analysis.cost.next_cheaper,
        },
        findings: findings(analysis, &record.members),
        weight: weights.map(|weights| weight(analyzer, analysis, weights)),
    }
}

fn place(analyzer: &Analyzer<'_>, found: &Type) -> Option<PlaceReport> {
    if let Some(declaration) = analyzer.sources().declaration(analyzer.types(), found) {
        let line = u32::try_from(declaration.name_line + 1).ok()?;
        let text = declaration.file.lines.get(declaration.name_line).cloned();
        return Some(PlaceReport { file: declaration.file.path.display().to_string(), line, text });
    }
    let source = found.source.as_ref()?;
    Some(PlaceReport { file: source.file.to_string(), line: source.line, text: None })
}

fn member_report(analyzer: &mut Analyzer<'_>, member: &Member) -> MemberReport {
    let is_part = member.is_bit_field();
    MemberReport {
        name: member.name.to_string(),
        type_name: member.type_name.to_string(),
        role: match member.role {
            Role::Field => "field",
            Role::BitField => "bit-field",
            Role::Base => "base",
            Role::VirtualBase => "virtual-base",
            Role::Vptr => "vptr",
            Role::Flexible => "flexible",
        },
        offset_bits: member.offset_bits,
        bits: member.bits,
        align: member.align,
        deep_padding_bits: if is_part { 0 } else { analyzer.deep_bits(member.type_id) },
        line: Some(member.line).filter(|&line| line > 0),
    }
}

fn variant_reports(analyzer: &mut Analyzer<'_>, found: &Type, all: &Variants) -> Vec<VariantReport> {
    let types = analyzer.types();
    let needs = variants::needs(types, found, all);
    let report = |need: variants::VariantNeed| {
        let variant = &all.variants[need.index];
        let body = types.get(variant.body).record();
        let members = body.map_or(&[][..], |body| &body.members);
        VariantReport {
            name: variant.name.to_string(),
            value: variant.value,
            used_bytes: need.used_bytes,
            wasted_bytes: need.wasted_bytes,
            bytes_if_boxed: need.bytes_if_boxed,
            members: members.iter().map(|member| member_report(analyzer, member)).collect(),
        }
    };
    needs.into_iter().map(report).collect()
}

fn gaps(analysis: &Analysis) -> Vec<GapReport> {
    let gaps = analysis.gaps.gaps.iter();
    let report = |gap: &spandrel_layout::Gap| GapReport {
        offset_bits: gap.start_bits,
        bits: gap.bits(),
        is_padding: gap.is_padding,
    };
    gaps.map(report).collect()
}

fn best(analysis: &Analysis, members: &[Member]) -> Option<BestReport> {
    let best = analysis.best.as_ref().ok()?;
    let is_present = analysis.verdict.is_none();
    let names = best.order.iter().map(|&index| members[index].name.to_string());
    let reasons = analysis.verdict.iter().flat_map(|verdict| verdict.reasons());
    Some(BestReport {
        bytes: best.bytes_best,
        saved_bytes: best.saved_bytes(),
        is_proven: best.is_best,
        order: if is_present { Vec::new() } else { names.collect() },
        pointer_bytes_now: best.pointer_bytes_now,
        pointer_bytes: best.pointer_bytes_best,
        verdict: analysis.verdict.as_ref().map(|verdict| verdict.word()),
        reasons: reasons.map(ToString::to_string).collect(),
    })
}

fn findings(analysis: &Analysis, members: &[Member]) -> Vec<FindingReport> {
    let report = |finding: &spandrel_layout::Finding| FindingReport {
        kind: finding.kind.name(),
        level: match finding.level {
            Level::Warning => "warning",
            Level::Note => "note",
        },
        message: finding.message.clone(),
        saved_bytes: finding.saved_bytes,
        member: finding.member.map(|index| members[index].name.to_string()),
    };
    analysis.findings.iter().map(report).collect()
}

fn weight(analyzer: &Analyzer<'_>, analysis: &Analysis, weights: &Weights) -> WeightReport {
    let weight = weights.of(analysis.id);
    WeightReport {
        live_objects: weight.live_objects,
        live_bytes: weight.live_bytes,
        allocated_objects: weight.allocated_objects,
        allocated_bytes: weight.allocated_bytes,
        inferred_bytes: weight.inferred_bytes,
        saved_bytes: weights.saved_bytes(analyzer, analysis),
    }
}
