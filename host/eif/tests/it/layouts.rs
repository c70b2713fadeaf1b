//! Images taken apart: what a scanner is given, and the images that nobody shall unpack.

use ringi_eif::cpio::{Content, Entry, write};
use ringi_eif::{EifError, Image, Layout, Metadata, Parts, build, layout};
use std::collections::BTreeMap;
use std::io::Read as _;

fn kernel() -> Vec<u8> {
    let mut bytes = vec![0; 0x400];
    bytes[0x202..0x206].copy_from_slice(b"HdrS");
    bytes[0x20E..0x210].copy_from_slice(&0x100u16.to_le_bytes());
    bytes[0x300..0x308].copy_from_slice(b"6.12.117");
    bytes
}

fn of_ramdisks(ramdisks: Vec<Vec<u8>>) -> Image {
    Image::new(kernel(), "console=ttyS0", &Metadata::new("test", "0", "6.12.117"), ramdisks)
}

fn entry(path: &str, content: Content) -> Entry {
    Entry { path: path.into(), mode: 0o755, content }
}

fn file(path: &str, bytes: &[u8]) -> Entry {
    entry(path, Content::File(bytes.to_vec()))
}

fn json(layout: &Layout, path: &str) -> serde_json::Value {
    let (_, bytes) = layout.files.iter().find(|(p, _)| p == path).unwrap_or_else(|| panic!("no {path}"));
    serde_json::from_slice(bytes).unwrap()
}

fn blob(descriptor: &serde_json::Value) -> String {
    format!("blobs/{}", descriptor["digest"].as_str().unwrap().replace(':', "/"))
}

/// Config, and what the layer holds.
fn opened(layout: &Layout) -> (serde_json::Value, BTreeMap<String, Vec<u8>>) {
    let manifest = json(layout, &blob(&json(layout, "index.json")["manifests"][0]));
    let layer = blob(&manifest["layers"][0]);
    let (_, layer) = layout.files.iter().find(|(path, _)| *path == layer).unwrap();
    let mut held = BTreeMap::new();
    for entry in tar::Archive::new(layer.as_slice()).entries().unwrap() {
        let mut entry = entry.unwrap();
        let path = entry.path().unwrap().to_str().unwrap().to_owned();
        let mut bytes = Vec::new();
        entry.read_to_end(&mut bytes).unwrap();
        assert_eq!((entry.header().mtime().unwrap(), entry.header().uid().unwrap()), (0, 0));
        held.insert(path, bytes);
    }
    (json(layout, &blob(&manifest["config"])), held)
}

#[test]
fn our_image_has_init_in_the_first_and_the_cosigner_in_the_second_ramdisk() {
    let made = |cosigner: &[u8]| {
        build(Parts {
            kernel: kernel(),
            cmdline: "console=ttyS0\n",
            init: b"init".to_vec(),
            cosigner: cosigner.to_vec(),
            name: "ringi",
            version: "1",
        })
        .unwrap()
    };
    let image = made(b"cosigner");
    assert_eq!((image.ramdisks.len(), image.cmdline.as_str()), (2, "console=ttyS0"));
    assert_eq!(image.write(), made(b"cosigner").write());
    let (base, other) = (image.measure().unwrap(), made(b"another").measure().unwrap());
    assert!(base.boot == other.boot && base.image != other.image && base.application != other.application);
    let layout = layout(&image).unwrap();
    assert_eq!(layout.kernel_version, "6.12.117");
    let (config, held) = opened(&layout);
    assert_eq!(config["config"]["Entrypoint"], serde_json::json!(["/init"]));
    let paths: Vec<_> = held.keys().map(String::as_str).collect();
    assert_eq!(paths, ["cosigner", "dev/", "init", "proc/", "sys/", "tmp/"]);
    assert_eq!((held["init"].as_slice(), held["cosigner"].as_slice()), (&b"init"[..], &b"cosigner"[..]));
    assert_eq!(layout, ringi_eif::layout(&image).unwrap());
}

#[test]
fn a_container_image_gives_its_own_files_command_and_environment() {
    let boot = write(&[file("init", b"aws")]);
    let container = [
        file("cmd", b"/bin/app\n--serve\n"),
        file("env", b"PATH=/bin\n"),
        entry("rootfs/bin", Content::Folder),
        file("rootfs/bin/app", b"app"),
    ];
    let (config, held) = opened(&layout(&of_ramdisks(vec![boot, write(&container)])).unwrap());
    assert_eq!(config["config"], serde_json::json!({"Cmd": ["/bin/app", "--serve"], "Env": ["PATH=/bin"]}));
    assert_eq!(held.keys().collect::<Vec<_>>(), ["bin/", "bin/app"]);
}

#[test]
fn a_later_ramdisk_stands_over_an_earlier_one_and_long_paths_come_through() {
    let long = format!("{}/{}", "d".repeat(120), "f".repeat(200));
    let image = of_ramdisks(vec![write(&[file("a", b"1"), file(&long, b"long")]), write(&[file("a", b"2")])]);
    let (_, held) = opened(&layout(&image).unwrap());
    assert_eq!((held["a"].as_slice(), held[&long].as_slice()), (&b"2"[..], &b"long"[..]));
}

/// A ramdisk with one file, its header's fields overwritten at these places.
fn patched(path: &str, fields: &[(usize, &str)]) -> Vec<u8> {
    let mut bytes = write(&[file(path, b"x")]);
    for (at, text) in fields {
        bytes[*at..at + text.len()].copy_from_slice(text.as_bytes());
    }
    bytes
}

fn refused(ramdisk: Vec<u8>) -> EifError {
    let image = of_ramdisks(vec![write(&[file("init", b"i")]), ramdisk]);
    // As it would come from elsewhere: through the file format.
    layout(&Image::parse(&image.write()).unwrap()).unwrap_err()
}

#[test]
fn hostile_images_are_refused_by_name() {
    assert_eq!(refused(patched("../../etc/cron.d/x", &[])), EifError::PathOutside);
    assert_eq!(refused(patched("a/../../x", &[])), EifError::PathOutside);
    for device in ["000021ED", "000061ED", "000011ED", "0000C1ED"] {
        assert_eq!(refused(patched("dev/mem", &[(14, device)])), EifError::DeviceNode);
    }
    assert_eq!(refused(patched("a", &[(38, "00000002")])), EifError::HardLink);
    let many: Vec<_> = (0..20_000).map(|n| file(&format!("{n}"), b"")).collect();
    assert_eq!(refused(write(&many)), EifError::TooManyEntries);
    assert!(matches!(refused(patched("a", &[(54, "FFFFFFFF")])), EifError::Ramdisk(_)));
}

#[test]
fn no_path_leads_through_a_link_or_a_file() {
    let link = |target: &str| entry("out", Content::Link(target.into()));
    assert_eq!(refused(write(&[link("/etc"), file("out/passwd", b"x")])), EifError::PathOutside);
    assert_eq!(refused(write(&[file("out", b""), file("out/passwd", b"x")])), EifError::PathOutside);
    assert_eq!(refused(write(&[file("out/passwd", b"x"), link("/etc")])), EifError::PathOutside);
    let harmless = of_ramdisks(vec![write(&[entry("etc", Content::Folder), link("/etc"), file("etc/passwd", b"x")])]);
    assert!(layout(&harmless).is_ok());
}
