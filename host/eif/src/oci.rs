//! An image's files as an OCI image layout, which scanners read (opencontainers/image-spec 1.1, image-layout.md).
//!
//! One layer: the files of all ramdisks, a later one over an earlier one. Images made from containers (their files below
//! `rootfs/`, with the files `cmd` and `env` beside it) give the container's files, command and environment.

use crate::cpio::{Content, Entry};
use crate::error::EifError;
use crate::image::Image;
use crate::ramdisk::{UNPACKED_BYTES, contents_within};
use crate::{crates_of_program, kernel_version};
use ring::digest::{SHA256, digest};
use serde_json::{Value, json};
use std::collections::BTreeMap;

const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
const CONFIG: &str = "application/vnd.oci.image.config.v1+json";
const LAYER: &str = "application/vnd.oci.image.layer.v1.tar";
/// Where container images have their files.
const CONTAINER: &str = "rootfs/";

/// What was taken out of an image. No name of a file in it comes from the image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Layout {
    /// The layout's files: path below its folder, and bytes.
    pub files: Vec<(String, Vec<u8>)>,
    /// The kernel's version.
    pub kernel_version: String,
    /// Path of each program that lists its crates, and its list.
    pub crates: BTreeMap<String, Value>,
    /// Files, folders and links in the layer.
    pub entries: usize,
}

impl Layout {
    /// All files as one tar archive, as tools take it (`oci-archive`).
    ///
    /// # Errors
    /// [`EifError::Layer`].
    pub fn archive(&self) -> Result<Vec<u8>, EifError> {
        let file = |(path, bytes): &(String, Vec<u8>)| (path.clone(), 0o644, Content::File(bytes.clone()));
        tar(self.files.iter().map(file))
    }
}

/// The files of an image as an OCI layout with the tag `latest`.
///
/// # Errors
/// Those of [`crate::contents`]; [`EifError::PathOutside`] also for a path that leads through a link or a file;
/// [`EifError::Kernel`], [`EifError::Crates`].
pub fn layout(image: &Image) -> Result<Layout, EifError> {
    let mut tree = BTreeMap::new();
    let mut room = UNPACKED_BYTES;
    for ramdisk in &image.ramdisks {
        for entry in contents_within(ramdisk, room)? {
            if let Content::File(bytes) = &entry.content {
                room = room.saturating_sub(bytes.len());
            }
            add(&mut tree, entry)?;
        }
    }
    let container = tree.keys().any(|path| path.starts_with(CONTAINER)) && tree.contains_key("cmd");
    let (config, tree) = if container { container_config(tree) } else { (json!({"Entrypoint": ["/init"]}), tree) };
    let mut crates = BTreeMap::new();
    for (path, entry) in &tree {
        if let Content::File(bytes) = &entry.content
            && let Some(list) = crates_of_program(bytes)?
        {
            crates.insert(path.clone(), list);
        }
    }
    let entries = tree.len();
    let layer = tar(tree.into_values().map(|entry| (entry.path, entry.mode, entry.content)))?;
    let files = files(layer, &config);
    Ok(Layout { files, kernel_version: kernel_version(&image.kernel)?, crates, entries })
}

/// Puts an entry in its place; what was there before is replaced, as the kernel does. No parent may be anything but a
/// folder: whoever unpacks would follow it.
fn add(tree: &mut BTreeMap<String, Entry>, entry: Entry) -> Result<(), EifError> {
    // The root itself, which some archives name.
    if entry.path.is_empty() {
        return Ok(());
    }
    for (at, _) in entry.path.match_indices('/') {
        let parent = entry.path.get(..at).unwrap_or_default();
        let folder = Entry { path: parent.to_owned(), mode: 0o755, content: Content::Folder };
        if tree.entry(parent.to_owned()).or_insert(folder).content != Content::Folder {
            return Err(EifError::PathOutside);
        }
    }
    let below = format!("{}/", entry.path);
    let holds = tree.range(below.clone()..).next().is_some_and(|(path, _)| path.starts_with(&below));
    if holds && entry.content != Content::Folder {
        return Err(EifError::PathOutside);
    }
    tree.insert(entry.path.clone(), entry);
    Ok(())
}

/// Command and environment of a container image, and its own files alone.
fn container_config(tree: BTreeMap<String, Entry>) -> (Value, BTreeMap<String, Entry>) {
    let lines = |name: &str| match tree.get(name).map(|entry| &entry.content) {
        Some(Content::File(bytes)) => {
            String::from_utf8_lossy(bytes).lines().filter(|line| !line.is_empty()).map(str::to_owned).collect()
        }
        _ => Vec::new(),
    };
    let config = json!({"Cmd": lines("cmd"), "Env": lines("env")});
    let inside = tree.into_iter().filter_map(|(path, entry)| {
        let path = path.strip_prefix(CONTAINER)?.to_owned();
        Some((path.clone(), Entry { path, ..entry }))
    });
    (config, inside.collect())
}

/// A tar archive without times and owners, in the order given.
fn tar(entries: impl Iterator<Item = (String, u32, Content)>) -> Result<Vec<u8>, EifError> {
    let mut builder = tar::Builder::new(Vec::new());
    let failed = |e: std::io::Error| EifError::Layer(e.to_string());
    for (path, mode, content) in entries {
        let mut header = tar::Header::new_gnu();
        header.set_mode(mode);
        header.set_mtime(0);
        header.set_uid(0);
        header.set_gid(0);
        header.set_size(0);
        match content {
            Content::Folder => {
                header.set_entry_type(tar::EntryType::Directory);
                builder.append_data(&mut header, format!("{path}/"), &[][..]).map_err(failed)?;
            }
            Content::File(bytes) => {
                header.set_size(bytes.len() as u64);
                builder.append_data(&mut header, path, bytes.as_slice()).map_err(failed)?;
            }
            Content::Link(target) => {
                header.set_entry_type(tar::EntryType::Symlink);
                builder.append_link(&mut header, path, target).map_err(failed)?;
            }
        }
    }
    builder.into_inner().map_err(failed)
}

fn files(layer: Vec<u8>, config: &Value) -> Vec<(String, Vec<u8>)> {
    let config = json!({
        "architecture": "amd64", "os": "linux", "config": config,
        "rootfs": {"type": "layers", "diff_ids": [name(&layer)]},
    });
    let config = config.to_string().into_bytes();
    let manifest = json!({
        "schemaVersion": 2, "mediaType": MANIFEST,
        "config": descriptor(CONFIG, &config), "layers": [descriptor(LAYER, &layer)],
    });
    let manifest = manifest.to_string().into_bytes();
    let mut listed = descriptor(MANIFEST, &manifest);
    listed["annotations"] = json!({"org.opencontainers.image.ref.name": "latest"});
    let index = json!({"schemaVersion": 2, "manifests": [listed]});
    let blob = |bytes: Vec<u8>| (format!("blobs/{}", name(&bytes).replace(':', "/")), bytes);
    vec![
        ("oci-layout".into(), br#"{"imageLayoutVersion":"1.0.0"}"#.to_vec()),
        ("index.json".into(), index.to_string().into_bytes()),
        blob(manifest),
        blob(config),
        blob(layer),
    ]
}

fn name(bytes: &[u8]) -> String {
    format!("sha256:{}", hex::encode(digest(&SHA256, bytes)))
}

fn descriptor(media_type: &str, bytes: &[u8]) -> Value {
    json!({"mediaType": media_type, "digest": name(bytes), "size": bytes.len()})
}
