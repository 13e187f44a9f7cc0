use super::*;

/// A machine with these files.
fn machine(files: &[(&str, &str)]) -> (tempfile::TempDir, Machine) {
    let root = tempfile::tempdir().unwrap();
    for (name, text) in files {
        let path = root.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    let machine = Machine::below(root.path());
    (root, machine)
}

#[test]
fn host_and_system_are_what_the_files_say() {
    let (_root, machine) = machine(&[
        ("proc/sys/kernel/hostname", "node-1\n"),
        ("proc/sys/kernel/ostype", "Linux\n"),
        ("proc/sys/kernel/osrelease", "6.1\n"),
        ("proc/sys/kernel/version", "#1 SMP\n"),
        ("var/lib/dbus/machine-id", "abc\n"),
        ("etc/os-release", "ID=x\nPRETTY_NAME=\"Some Linux 1\"\nVERSION_ID='12'\nEMPTY=\n"),
    ]);
    assert_eq!(machine.host_name().unwrap(), "node-1");
    assert_eq!(machine.host_id().unwrap(), "abc");
    assert_eq!(machine.os_description().unwrap(), "Some Linux 1 (Linux node-1 6.1 #1 SMP)");
    assert_eq!(machine.release("VERSION_ID").unwrap(), "12");
    assert_eq!(machine.release("EMPTY"), None);
    assert_eq!(machine.release("ERSION_ID"), None);
}

#[test]
fn a_machine_without_files_says_nothing() {
    let (_root, machine) = machine(&[]);
    assert_eq!((machine.host_name(), machine.host_id()), (None, None));
    assert_eq!((machine.os_description(), machine.processor()), (None, None));
    assert!(machine.interfaces().is_empty() && machine.addresses().is_empty());
}

#[test]
fn the_first_processor_counts() {
    let text = "processor\t: 0\nvendor_id\t: GenuineIntel\ncpu family\t: 6\nmodel\t\t: 85\n\
        model name\t: Xeon\nstepping\t: 7\ncache size\t: 39424 KB\n\nprocessor\t: 1\nmodel\t: 99\n";
    let (_root, machine) = machine(&[("proc/cpuinfo", text)]);
    let want = Processor {
        vendor: "GenuineIntel".into(),
        family: "6".into(),
        model: "85".into(),
        model_name: "Xeon".into(),
        stepping: 7,
        cache_kib: 39424,
    };
    assert_eq!(machine.processor(), Some(want));
}

#[test]
fn interfaces_that_are_down_and_loopbacks_are_left_out() {
    let (_root, machine) = machine(&[
        ("sys/class/net/lo/flags", "0x9\n"),
        ("sys/class/net/lo/ifindex", "1\n"),
        ("sys/class/net/wlan0/flags", "0x1002\n"),
        ("sys/class/net/wlan0/ifindex", "3\n"),
        ("sys/class/net/eth0/flags", "0x1003\n"),
        ("sys/class/net/eth0/ifindex", "12\n"),
        ("sys/class/net/eth0/address", "02:42:ac:11:00:02\n"),
        ("sys/class/net/tun0/flags", "0x1003\n"),
        ("sys/class/net/tun0/ifindex", "2\n"),
    ]);
    let found: Vec<_> =
        machine.interfaces().into_iter().map(|it| (it.name, it.hardware_address)).collect();
    let want = [("tun0", ""), ("eth0", "02:42:ac:11:00:02")];
    assert_eq!(found, want.map(|(a, b)| (a.to_owned(), b.to_owned())));
}

#[test]
fn addresses_are_those_of_this_machine() {
    let trie = "Main:\n  +-- 0.0.0.0/0 3 0 5\n     |-- 0.0.0.0\n        /0 universe UNICAST\n\
        Local:\n     +-- 127.0.0.0/8 2 0 2\n           |-- 127.0.0.1\n              /32 host LOCAL\n\
        \x20    |-- 172.17.0.2\n           /32 host LOCAL\n     |-- 172.17.255.255\n           /32 link BROADCAST\n";
    let v6 = "00000000000000000000000000000001 01 80 10 80       lo\n\
        fe800000000000000042acfffe110002 0c 40 20 80     eth0\n";
    let (_root, machine) =
        machine(&[("proc/net/fib_trie", &format!("{trie}{trie}")), ("proc/net/if_inet6", v6)]);
    let found: Vec<String> = machine.addresses().iter().map(ToString::to_string).collect();
    assert_eq!(found, ["172.17.0.2", "fe80::42:acff:fe11:2"]);
}

#[test]
fn a_host_has_the_first_name_of_its_line() {
    let hosts = "127.0.0.1 localhost\n# 10.0.0.9 n1.old n1\n10.0.0.1\tn1.example.org n1 # us\n";
    let (_root, machine) = machine(&[("etc/hosts", hosts)]);
    assert_eq!(machine.canonical_name("n1").unwrap(), "n1.example.org");
    assert_eq!(machine.canonical_name("n2"), None);
}
