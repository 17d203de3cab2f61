//! Odd packages that are no one's fault: each becomes a package in which everything is as the RPM says, by the word of
//! `dpkg-deb` and `tar`.
#![allow(clippy::disallowed_methods)] // tests run the tools that we are compared with
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
#![allow(clippy::cast_possible_truncation, clippy::cast_possible_wrap, clippy::too_many_lines)]

mod rpm_writer;
mod sandbox;

use std::collections::BTreeMap;
use std::io::Read;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use rpm_writer::package::Relation;
use rpm_writer::{Compressor, Content, Format, RpmBuilder, tag};
use sandbox::{Sandbox, fields};

const FORMATS: [Format; 3] = [Format::V3, Format::V4, Format::V6];

/// One member of data.tar.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Member {
    kind: tar::EntryType,
    mode: u32,
    mtime: u64,
    link: Vec<u8>,
    device: (u32, u32),
    content: Vec<u8>,
}

fn convert(builder: RpmBuilder) -> Sandbox {
    let sandbox = Sandbox::new();
    let run = sandbox.convert(&sandbox.put("odd.rpm", &builder.build()), &[]);
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    assert!(run.changes.iter().all(|path| path.starts_with("out")), "{:?}", run.changes);
    sandbox
}

/// data.tar as dpkg-deb takes it out; names without `./` and without a directory's slash.
fn members(deb: &Path) -> BTreeMap<Vec<u8>, Member> {
    let mut child = Command::new("dpkg-deb").arg("--fsys-tarfile").arg(deb).stdout(Stdio::piped()).spawn().unwrap();
    let mut archive = tar::Archive::new(child.stdout.take().unwrap());
    let mut members = BTreeMap::new();
    for entry in archive.entries().unwrap() {
        let mut entry = entry.unwrap();
        let path = entry.path_bytes().into_owned();
        let name = path.strip_prefix(b"./").unwrap_or_else(|| panic!("{path:?} does not begin with ./"));
        let name = name.strip_suffix(b"/").unwrap_or(name).to_vec();
        assert_eq!((entry.header().uid().unwrap(), entry.header().gid().unwrap()), (0, 0), "owner of {name:?}");
        let device = |number: Option<u32>| number.unwrap_or_default();
        let mut member = Member {
            kind: entry.header().entry_type(),
            mode: entry.header().mode().unwrap(),
            mtime: entry.header().mtime().unwrap(),
            link: entry.link_name_bytes().unwrap_or_default().into_owned(),
            device: (
                device(entry.header().device_major().unwrap_or_default()),
                device(entry.header().device_minor().unwrap_or_default()),
            ),
            content: Vec::new(),
        };
        entry.read_to_end(&mut member.content).unwrap();
        assert!(members.insert(name.clone(), member).is_none(), "{name:?} is there twice");
    }
    assert!(child.wait().unwrap().success());
    members
}

fn everything(format: Format, compressor: Compressor) -> RpmBuilder {
    RpmBuilder::new("odd")
        .format(format)
        .payload(compressor)
        .dir("/opt/odd", 0o750)
        .file("/opt/odd/program", 0o755, "#!/bin/sh\necho hello\n")
        .file("/opt/odd/empty", 0o644, "")
        .symlink("/opt/odd/link", "program")
        .symlink("/opt/odd/dangling", "/nowhere/at all")
        .hardlinks(&["/opt/odd/a", "/opt/odd/b", "/opt/odd/c"], 0o640, "three names\n")
        .device("/opt/odd/null", 'c', 0o666, 1, 3)
        .device("/opt/odd/disk", 'b', 0o660, 8, 200)
        .fifo("/opt/odd/pipe", 0o600)
        .file("/opt/odd/setuid", 0o4755, "x")
        .file("/opt/odd/setgid", 0o2755, "x")
        .dir("/opt/odd/sticky", 0o1777)
        .file("/opt/odd/ghost", 0o644, "")
        .flags(tag::GHOST)
}

#[test]
fn every_format_with_every_compressor_gives_the_same_tree() {
    for format in FORMATS {
        for compressor in Compressor::ALL {
            let what = format!("{format:?} {compressor:?}");
            let sandbox = convert(everything(format, compressor));
            let members = members(&sandbox.deb());
            let at = |name: &str| &members[name.as_bytes()];
            assert_eq!(at("opt/odd/program").content, b"#!/bin/sh\necho hello\n", "{what}");
            assert_eq!((at("opt/odd").kind, at("opt/odd").mode), (tar::EntryType::Directory, 0o750), "{what}");
            assert_eq!(at("opt/odd/program").mode, 0o755, "{what}");
            assert_eq!(at("opt/odd/program").mtime, 1_500_000_000, "{what}");
            assert_eq!(at("opt/odd/empty").content, b"", "{what}");
            assert_eq!(at("opt/odd/link").link, b"program", "{what}");
            assert_eq!(at("opt/odd/dangling").link, b"/nowhere/at all", "{what}");
            assert_eq!((at("opt/odd/null").kind, at("opt/odd/null").device), (tar::EntryType::Char, (1, 3)), "{what}");
            assert_eq!(
                (at("opt/odd/disk").kind, at("opt/odd/disk").device),
                (tar::EntryType::Block, (8, 200)),
                "{what}"
            );
            assert_eq!(at("opt/odd/pipe").kind, tar::EntryType::Fifo, "{what}");
            assert_eq!(at("opt/odd/setuid").mode, 0o4755, "{what}");
            assert_eq!(at("opt/odd/setgid").mode, 0o2755, "{what}");
            assert_eq!(at("opt/odd/sticky").mode, 0o1777, "{what}");
            assert!(!members.contains_key(b"opt/odd/ghost".as_slice()), "{what}");
            let links: Vec<_> = ["a", "b", "c"].map(|name| at(&format!("opt/odd/{name}"))).to_vec();
            let whole = links.iter().filter(|member| member.content == b"three names\n").count();
            let linked = links.iter().filter(|member| member.kind == tar::EntryType::Link).count();
            assert_eq!((whole, linked), (1, 2), "{what}: {links:?}");
        }
    }
}

#[test]
fn dpkg_deb_unpacks_hard_links_as_one_file() {
    use std::os::unix::fs::MetadataExt;
    let sandbox = convert(
        RpmBuilder::new("odd").hardlinks(&["/opt/a", "/opt/b", "/usr/c"], 0o644, "shared").symlink("/opt/l", "a"),
    );
    let tree = sandbox.path("tree");
    sandbox::tool("dpkg-deb", &["-x", sandbox.deb().to_str().unwrap(), tree.to_str().unwrap()]);
    let inode = |name: &str| std::fs::metadata(tree.join(name)).unwrap().ino();
    assert_eq!((inode("opt/a"), inode("opt/a")), (inode("opt/b"), inode("usr/c")));
    assert_eq!(std::fs::read(tree.join("usr/c")).unwrap(), b"shared");
}

#[test]
fn names_of_any_length_and_encoding_stay_as_they_are() {
    let component = "n".repeat(255);
    let long = format!("/opt/{}", vec!["0123456789"; 30].join("/"));
    let longest = format!("/opt/{}/x", vec!["m".repeat(255); 15].join("/"));
    let edges = [99, 100, 101, 154, 155, 156].map(|length| format!("/opt/edge{length}/{}", "e".repeat(length)));
    let mut names: Vec<Vec<u8>> = vec![
        b"/opt/caf\xe9".to_vec(),
        b"/opt/\xff\xfe".to_vec(),
        "/opt/日本語".into(),
        format!("/opt/{component}").into(),
        long.into(),
        longest.into(),
    ];
    names.extend(edges.map(String::into_bytes));
    let mut builder =
        RpmBuilder::new("odd").symlink("/opt/long-target", "t/".repeat(200)).symlink("/opt/t", b"caf\xe9");
    for name in &names {
        builder = builder.file(name.clone(), 0o644, name.as_slice());
    }
    let sandbox = convert(builder);
    let members = members(&sandbox.deb());
    for name in names {
        assert_eq!(members[&name[1..]].content, name, "{}", String::from_utf8_lossy(&name));
    }
    assert_eq!(members[b"opt/long-target".as_slice()].link, "t/".repeat(200).into_bytes());
    assert_eq!(members[b"opt/t".as_slice()].link, b"caf\xe9");
}

#[test]
fn a_package_without_files_is_an_empty_package() {
    for format in FORMATS {
        let sandbox = convert(RpmBuilder::new("odd").format(format));
        let deb = sandbox.deb();
        sandbox::tool("dpkg-deb", &["--contents", deb.to_str().unwrap()]);
        assert_eq!(fields(&deb)["Package"], "odd");
        let files = members(&deb).into_values().filter(|member| member.kind == tar::EntryType::Regular);
        // What a Debian package has of its own: copyright and changelog.
        assert!(files.count() <= 3);
    }
}

#[test]
fn seven_hundred_files_arrive() {
    for format in FORMATS {
        let mut builder = RpmBuilder::new("odd").format(format).payload(Compressor::Xz);
        for number in 0..700_u32 {
            let content = vec![number as u8; number as usize * 7];
            builder = builder.file(format!("/usr/share/odd/{}/{number}", number % 13), 0o644, content);
        }
        let sandbox = convert(builder);
        let members = members(&sandbox.deb());
        for number in 0..700_u32 {
            let member = &members[format!("usr/share/odd/{}/{number}", number % 13).as_bytes()];
            assert_eq!(member.content, vec![number as u8; number as usize * 7], "{format:?} {number}");
        }
    }
}

#[test]
fn zeros_and_random_bytes_arrive_whole() {
    // A multiplicative generator (Knuth's MMIX constants): bytes that no compressor shrinks.
    let mut state = 1_u64;
    let noise: Vec<u8> = (0..3_000_000)
        .map(|_| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 56) as u8
        })
        .collect();
    for compressor in Compressor::ALL {
        let sandbox = convert(
            RpmBuilder::new("odd").payload(compressor).file("/opt/zeros", 0o644, Content::Zeros(5_000_001)).file(
                "/opt/noise",
                0o644,
                noise.clone(),
            ),
        );
        let members = members(&sandbox.deb());
        assert!(members[b"opt/noise".as_slice()].content == noise, "{compressor:?}");
        assert!(members[b"opt/zeros".as_slice()].content == vec![0; 5_000_001], "{compressor:?}");
    }
}

#[test]
fn versions_and_names_follow_debians_rules() {
    let cases = [
        (RpmBuilder::new("Odd_Name").epoch(2).version("2.0~rc1").release("0.3.el9"), "odd-name", "2:2.0~rc1-0.3.el9"),
        (RpmBuilder::new("libstdc++"), "libstdc++", "1.0-1"),
    ];
    for (builder, name, version) in cases {
        let sandbox = convert(builder.file("/opt/x", 0o644, "x"));
        let fields = fields(&sandbox.deb());
        assert_eq!((fields["Package"].as_str(), fields["Version"].as_str()), (name, version));
    }
}

#[test]
fn relations_of_every_kind_are_no_obstacle() {
    let less = tag::LESS | tag::EQUAL;
    let mut builder = RpmBuilder::new("odd").file("/opt/x", 0o644, "x");
    for kind in [Relation::Requires, Relation::Provides, Relation::Conflicts, Relation::Obsoletes, Relation::Suggests] {
        builder = builder
            .relation(kind, "other", less, "1:2.0-3")
            .relation(kind, "lib64(x86-64)", 0, "")
            .relation(kind, "/usr/bin/perl", 0, "")
            .relation(kind, "libc.so.6(GLIBC_2.4)(64bit)", 0, "");
    }
    convert(builder.requires("(a if b else c)"));
}

#[test]
fn the_headers_mode_counts_where_the_payload_lacks_the_setuid_bit() {
    // rpmbuild drops the bit from the payload when the build machine does not know the user (rpmfilesStat).
    let builder = RpmBuilder::new("odd").file("/opt/s", 0o4755, "x").edit_archive(|archive| {
        archive.entry("./opt/s").mode = 0o100_755;
    });
    assert_eq!(members(&convert(builder).deb())[b"opt/s".as_slice()].mode, 0o4755);
}

#[test]
fn the_same_package_gives_the_same_bytes() {
    let bytes = |_| std::fs::read(convert(everything(Format::V4, Compressor::Gzip)).deb()).unwrap();
    let [first, second] = [0, 1].map(bytes);
    assert!(first == second);
}

#[test]
#[ignore = "a file of 5 GiB takes minutes; tests/run --all runs it"]
fn a_file_of_five_gibibytes_passes_within_bounded_memory() {
    let bytes: u64 = 5 << 30;
    let sandbox = Sandbox::new();
    let package = sandbox.path("work/odd.rpm");
    RpmBuilder::new("odd")
        .payload(Compressor::Zstd)
        .file("/opt/after", 0o644, "small, behind the large one in no order\n")
        .file("/opt/large", 0o644, Content::Zeros(bytes))
        .build_file(&package)
        .unwrap();
    // Zeros shrink by more than the ordinary limit allows; the user who knows may say so.
    let arguments = ["--compress", "zstd", "--level", "1", "--max-ratio", "1000000"];
    let run = sandbox.convert_within(&package, &arguments, Duration::from_secs(900));
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    let mut child =
        Command::new("dpkg-deb").arg("--fsys-tarfile").arg(sandbox.deb()).stdout(Stdio::piped()).spawn().unwrap();
    let mut archive = tar::Archive::new(child.stdout.take().unwrap());
    let sizes: BTreeMap<Vec<u8>, u64> = archive
        .entries()
        .unwrap()
        .map(|entry| entry.unwrap())
        .map(|entry| (entry.path_bytes().into_owned(), entry.size()))
        .collect();
    assert!(child.wait().unwrap().success());
    assert_eq!(sizes[b"./opt/large".as_slice()], bytes);
}
