//! Kernel modules: which the guest needs, what those depend on, in which order they can be loaded.
//!
//! Debian's packages have no modules.dep (depmod makes it at installation), so that dependencies are read from the modules.

use std::collections::BTreeMap;

/// What the guest loads, and when. A name that a kernel has not as a module (built in, not made yet) is left out.
pub(crate) const WANTED: [(&str, &[&str]); 3] = [
    ("boot", &["pseries_rng", "ibmveth"]), // random numbers; l-lan adapters
    ("disk", &["ibmvscsi", "sd_mod", "crc32c_generic", "ext4"]), // adapter, disk, what ext4 asks the crypto interface for
    ("late", &["rpadlpar_io", "bonding", "8021q", "virtio_pci", "virtio_net"]), // DLPAR of slots; EtherChannel and VLANs; the PCI card
];

/// Modules by name, as the kernel writes it: with `_`, never `-`.
pub(crate) type Modules = BTreeMap<String, Vec<u8>>;

/// The name of a module file, `kernel/drivers/char/hw_random/pseries-rng.ko.xz`; None for other files.
pub(crate) fn name(path: &str) -> Option<String> {
    let file = path.rsplit('/').next()?;
    let stem = file.strip_suffix(".xz").unwrap_or(file).strip_suffix(".ko")?;
    Some(stem.replace('-', "_"))
}

/// The wanted ones and what they depend on, each after its dependencies, without those of `before`.
pub(crate) fn in_order(
    wanted: &[&str],
    before: &[String],
    depends_of: impl Fn(&str) -> Option<Vec<String>>,
) -> Vec<String> {
    let mut order = before.to_vec();
    for name in wanted {
        add(name, &depends_of, &mut Vec::new(), &mut order);
    }
    order.split_off(before.len())
}

fn add(
    name: &str,
    depends_of: &impl Fn(&str) -> Option<Vec<String>>,
    above: &mut Vec<String>,
    order: &mut Vec<String>,
) {
    // The kernel has no circles of modules; a damaged package may have, and must not hang us.
    if order.iter().chain(above.iter()).any(|known| known == name) {
        return;
    }
    let Some(depends) = depends_of(name) else { return };
    above.push(name.to_owned());
    for other in &depends {
        add(other, depends_of, above, order);
    }
    above.pop();
    order.push(name.to_owned());
}

/// The `depends=` of a module's .modinfo section, whose strings end with zero bytes.
pub(crate) fn depends(module: &[u8]) -> Vec<String> {
    const KEY: &[u8] = b"\0depends=";
    let Some(at) = module.windows(KEY.len()).position(|window| window == KEY) else { return Vec::new() };
    let value = module[at + KEY.len()..].split(|byte| *byte == 0).next().unwrap_or_default();
    let names = String::from_utf8_lossy(value);
    names.split(',').filter(|name| !name.is_empty()).map(|name| name.replace('-', "_")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_the_kernels() {
        for (path, expected) in [
            ("lib/modules/6.1/kernel/drivers/char/hw_random/pseries-rng.ko", Some("pseries_rng")),
            ("usr/lib/modules/7/kernel/fs/ext4/ext4.ko.xz", Some("ext4")),
            ("usr/lib/modules/7/vmlinuz", None),
            ("boot/config.xz", None),
        ] {
            assert_eq!(name(path).as_deref(), expected);
        }
    }

    #[test]
    fn dependencies_are_read_from_the_module() {
        for (module, expected) in [
            ("\x7fELF..license=GPL\0depends=jbd2,t10-pi\0retpoline=Y\0", vec!["jbd2", "t10_pi"]),
            ("\x7fELF\0depends=\0name=x\0", vec![]),
            ("\x7fELF\0name=x\0", vec![]),
            ("\0depends=cut", vec!["cut"]),
        ] {
            assert_eq!(depends(module.as_bytes()), expected, "{module:?}");
        }
    }

    #[test]
    fn each_module_comes_after_what_it_depends_on() {
        let table = [("a", "b c"), ("b", "d"), ("c", "d missing"), ("d", ""), ("e", "f"), ("f", "e")];
        let depends_of = |name: &str| {
            let (_, depends) = table.iter().find(|(known, _)| *known == name)?;
            Some(depends.split_whitespace().map(str::to_owned).collect())
        };
        for (wanted, before, expected) in [
            (vec!["a"], "", "d b c a"),
            (vec!["a"], "d", "b c a"),
            (vec!["c", "a", "d"], "", "d c b a"),
            (vec!["absent", "d"], "", "d"),
            (vec!["e"], "", "f e"),
        ] {
            let before: Vec<String> = before.split_whitespace().map(str::to_owned).collect();
            assert_eq!(in_order(&wanted, &before, depends_of).join(" "), expected);
        }
    }
}
