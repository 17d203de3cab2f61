//! Packages that are small on disk and large when unpacked.

use crate::expect::{Case, all_refused, case};
use crate::rpm_writer::{Compressor, Content, Format, RpmBuilder, tag};

const MIB: u64 = 1 << 20;

fn zeros(bytes: u64, compressor: Compressor) -> RpmBuilder {
    RpmBuilder::new("hostile").payload(compressor).file("/opt/zeros", 0o644, Content::Zeros(bytes))
}

#[test]
fn an_archive_beyond_the_ratio_is_refused() {
    // Just above the 256 MiB below which no ratio is looked at.
    let bomb = |compressor| zeros(260 * MIB, compressor);
    all_refused(vec![case("zstd", bomb(Compressor::Zstd), &["--max-ratio"])]);
}

#[test]
#[ignore = "bombs of xz and gzip take a minute to make; tests/run --all runs it"]
fn archives_of_slow_compressors_beyond_the_ratio_are_refused() {
    let bomb = |compressor| zeros(260 * MIB, compressor);
    // gzip makes 1:1030 of zeros, below the ordinary limit.
    let gzip = case("gzip at a ratio of 100", bomb(Compressor::Gzip), &["--max-ratio"]).with(&["--max-ratio", "100"]);
    all_refused(vec![case("xz", bomb(Compressor::Xz), &["--max-ratio"]), gzip]);
}

#[test]
fn an_archive_beyond_the_absolute_size_is_refused() {
    let small = |name: &str, builder: RpmBuilder| -> Case {
        case(name, builder, &["--max-size"]).with(&["--max-size", "1000000"])
    };
    all_refused(vec![
        small("announced", zeros(2 * MIB, Compressor::Gzip)),
        small("two files", zeros(MIB / 2, Compressor::Gzip).file("/opt/more", 0o644, Content::Zeros(MIB))),
        small("format 6", zeros(2 * MIB, Compressor::Zstd).format(Format::V6)),
    ]);
    all_refused(vec![
        case("not announced", zeros(2 * MIB, Compressor::Gzip).edit_tags(|tags| tags.ints(tag::FILESIZES)[0] = 5), &[])
            .with(&["--max-size", "1000000"]),
        case(
            "zeros after the trailer",
            RpmBuilder::new("hostile").edit_cpio(|cpio| {
                cpio.resize(cpio.len() + 2 * MIB as usize, 0);
            }),
            &[],
        )
        .with(&["--max-size", "1000000"]),
    ]);
}

#[test]
fn a_million_files_that_are_not_there_cost_nothing() {
    let tags = |count: u32| {
        RpmBuilder::new("hostile").file("/opt/x", 0o644, "x").edit_image(move |image| {
            image.entry(tag::BASENAMES).count = count;
            image.entry(tag::DIRINDEXES).count = count;
        })
    };
    all_refused(vec![
        case("a million", tags(1_000_000), &["header"]),
        case("four thousand million", tags(u32::MAX), &["header"]),
    ]);
}
