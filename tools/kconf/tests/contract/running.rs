//! `--running`: the option is missing, the module is not loaded, the firmware does not offer it; and lockdown.

use crate::workbench::{DEBIAN_12, Workbench, option};

/// A system that runs Debian 12's kernel in a partition with a vSCSI and a vNIC adapter.
fn partition() -> Workbench {
    let bench = Workbench::new();
    bench.put("boot/config-6.1.0-50-powerpc64le", DEBIAN_12);
    bench.put("proc/sys/kernel/osrelease", "6.1.0-50-powerpc64le\n");
    bench.put("proc/modules", "ibmvscsi 131072 2 - Live 0x0\nbonding 196608 0 - Live 0x0\n");
    bench.put("proc/ppc64/ofdt", "");
    bench.put("dev/mem", "");
    bench.put("sys/bus/vio/devices/30000002/modalias", "vio:TvscsiSIBM,v-scsi\n");
    bench.put("sys/bus/vio/devices/30000003/modalias", "vio:TnetworkSIBM,vnic\n");
    bench.put("sys/kernel/mobility/migration", "");
    bench
}

/// The answer for an option.
fn state(report: &serde_json::Value, set: &str, symbol: &str) -> String {
    option(report, set, symbol)["live"]["state"].as_str().unwrap().to_owned()
}

#[test]
fn the_three_answers_are_kept_apart() {
    let report = partition().checked(&["--sysroot", ".", "--running"]);
    let cases = [
        ("lpm", "PPC_PSERIES", "present"),
        ("perf-lparstat", "LPARCFG", "option-missing"),
        ("dlpar-io", "HOTPLUG_PCI_RPA_DLPAR", "module-not-loaded"),
        ("dlpar-cpu", "PSERIES_ENERGY", "firmware-does-not-offer"),
        ("virtual-io", "SCSI_IBMVSCSI", "present"),
        ("virtual-io", "IBMVETH", "firmware-does-not-offer"),
        ("sriov-hnv", "IBMVNIC", "option-missing"),
    ];
    for (set, symbol, expected) in cases {
        assert_eq!(state(&report, set, symbol), expected, "{symbol}");
    }
    assert_eq!(report["running"]["release"], "6.1.0-50-powerpc64le");
}

#[test]
fn a_driver_that_is_not_loaded_for_an_adapter_that_is_there_is_told() {
    let bench = partition();
    bench.put("proc/modules", "");
    let report = bench.checked(&["--sysroot", ".", "--running"]);
    assert_eq!(state(&report, "virtual-io", "SCSI_IBMVSCSI"), "module-not-loaded");
    bench.put("sys/module/ibmvscsi/refcnt", "1");
    let report = bench.checked(&["--sysroot", ".", "--running"]);
    assert_eq!(state(&report, "virtual-io", "SCSI_IBMVSCSI"), "present");
}

#[test]
fn a_driver_is_only_missed_if_the_partition_has_its_adapter() {
    let bench = partition();
    let without = DEBIAN_12.replace("CONFIG_IBMVETH=m", "# CONFIG_IBMVETH is not set");
    bench.put("boot/config-6.1.0-50-powerpc64le", without);
    let verdict = |arguments: &[&str]| option(&bench.checked(arguments), "virtual-io", "IBMVETH")["verdict"].clone();
    assert_eq!(verdict(&["--sysroot", "."]), "missing");
    assert_eq!(verdict(&["--sysroot", ".", "--running"]), "information");
    bench.put("sys/bus/vio/devices/30000004/modalias", "vio:TnetworkSIBM,l-lan\n");
    assert_eq!(verdict(&["--sysroot", ".", "--running"]), "missing");
}

#[test]
fn lockdown_is_shown_with_what_it_forbids() {
    let bench = partition();
    for (text, lockdown, answer) in [
        ("[none] integrity confidentiality\n", "none", "present"),
        ("none [integrity] confidentiality\n", "integrity", "refused-by-lockdown"),
        ("none integrity [confidentiality]\n", "confidentiality", "refused-by-lockdown"),
        ("?\n", "unknown", "present"),
    ] {
        bench.put("sys/kernel/security/lockdown", text);
        let report = bench.checked(&["--sysroot", ".", "--running"]);
        assert_eq!(report["running"]["lockdown"], lockdown);
        assert_eq!(state(&report, "base-pseries", "PPC_PSERIES"), answer, "{lockdown}");
        assert_eq!(state(&report, "rmc-rtas", "DEVMEM"), answer, "{lockdown}");
    }
    let shown = bench.run(&["check", "--sysroot", ".", "--running"]).stdout;
    assert!(shown.contains("lockdown: unknown"), "{shown}");
}

#[test]
fn a_configuration_of_another_kernel_is_warned_of() {
    let bench = partition();
    bench.put("other", DEBIAN_12.replace("powerpc 6.1.176", "powerpc 6.12.107"));
    let run = bench.run(&["check", "--sysroot", ".", "--running", "other"]);
    assert!(run.stderr.contains("warning: the running kernel is 6.1.0-50-powerpc64le"), "{}", run.stderr);
    assert_eq!(bench.run(&["check", "--sysroot", ".", "--running"]).stderr, "");
}
