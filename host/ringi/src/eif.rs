//! `ringi eif`: enclave images. Build, say what they measure, sign, verify, take apart for scanners. Offline.

use crate::cli::{EifBuildArgs, EifCommand, EifSignArgs};
use crate::failure::{Done, Failure};
use crate::output::Output;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ringi_attestation::{Pcr, PcrIndex};
use ringi_eif::{EifError, IMAGE_BYTES, Image, Measurements, Metadata, Parts, SigningKey, build, layout};
use serde::Serialize;
use std::collections::BTreeMap;
use std::fs;
use std::io::Write as _;
use std::path::Path;

/// Keys, certificates and command lines are never longer.
const TEXT_BYTES: u64 = 64 * 1024;

/// Runs one of its commands.
///
/// # Errors
/// If a file cannot be read or written, is no image, or is not what is asked for.
pub fn run(command: EifCommand, output: Output) -> Done {
    match command {
        EifCommand::Build(args) => build_image(&args, output),
        EifCommand::Describe { file } => {
            let (image, bytes) = read_image(&file)?;
            output.show(&Shown::of(&image, bytes)?, Shown::text);
            Ok(())
        }
        EifCommand::Sign(args) => sign_image(&args, output),
        EifCommand::Verify { file, pcr } => verify_image(&file, &pcr, output),
        EifCommand::Extract { file, out, tar } => extract(&file, &out, tar.as_deref(), output),
    }
}

fn build_image(args: &EifBuildArgs, output: Output) -> Done {
    let cmdline = String::from_utf8(read(&args.cmdline, TEXT_BYTES)?);
    let cmdline = cmdline.map_err(|_| argument("the command line is no text", "give a text file with one line"))?;
    if cmdline.trim().contains('\n') {
        return Err(argument("the command line has more than one line", "put all words in one line"));
    }
    let whole = |path: &Path| read(path, IMAGE_BYTES as u64);
    let mut image = build(Parts {
        kernel: whole(&args.kernel)?,
        cmdline: &cmdline,
        init: whole(&args.init)?,
        cosigner: whole(&args.cosigner)?,
        name: &args.name,
        version: &args.image_version,
    })
    .map_err(of_eif)?;
    if let (Some(key), Some(certificate)) = (&args.sign_key, &args.sign_certificate) {
        image.sign(&signing_key(key, certificate)?).map_err(of_eif)?;
    }
    keep(&image, &args.out, output)
}

fn sign_image(args: &EifSignArgs, output: Output) -> Done {
    let (mut image, _) = read_image(&args.file)?;
    image.sign(&signing_key(&args.sign_key, &args.sign_certificate)?).map_err(of_eif)?;
    keep(&image, &args.out, output)
}

/// Writes a new file and says what it measures.
fn keep(image: &Image, out: &Path, output: Output) -> Done {
    let bytes = image.write();
    let mut file = fs::File::create_new(out).map_err(|e| Failure::file(out, &e))?;
    file.write_all(&bytes).and_then(|()| file.sync_all()).map_err(|e| Failure::file(out, &e))?;
    output.show(&Shown::of(image, bytes.len())?, Shown::text);
    Ok(())
}

fn verify_image(file: &Path, wanted: &[String], output: Output) -> Done {
    let (image, bytes) = read_image(file)?;
    image.verify_signature().map_err(of_eif)?;
    let shown = Shown::of(&image, bytes)?;
    for register in wanted {
        let (index, value) = crate::attestation::parse_register(register)?;
        if shown.pcrs.get(&index.to_string()) != Some(&value.hex()) {
            let what = format!("{index} is not what is asked for");
            return Err(Failure::new("eif.register", what, "do not run this image; ask its publisher"));
        }
    }
    output.show(&shown, |shown| {
        let whose = if wanted.iter().any(|register| register.starts_with("8=")) {
            "the publisher asked for signed it"
        } else {
            "somebody signed it: compare PCR8 with your publisher's"
        };
        format!("verified: {whose}\n{}", shown.text())
    });
    Ok(())
}

fn extract(file: &Path, out: &Path, tar: Option<&Path>, output: Output) -> Done {
    let (image, _) = read_image(file)?;
    let layout = layout(&image).map_err(of_eif)?;
    let at = |path: &Path, written: std::io::Result<()>| written.map_err(|e| Failure::file(path, &e));
    at(out, fs::create_dir(out))?;
    for (path, bytes) in &layout.files {
        let path = out.join("oci").join(path);
        at(&path, path.parent().map_or(Ok(()), fs::create_dir_all))?;
        at(&path, fs::write(&path, bytes))?;
    }
    let crates = serde_json::to_vec_pretty(&layout.crates).unwrap_or_default();
    let version = format!("{}\n", layout.kernel_version).into_bytes();
    for (name, bytes) in
        [("crates.json", crates), ("kernel-version", version), ("metadata.json", image.metadata.clone())]
    {
        at(&out.join(name), fs::write(out.join(name), bytes))?;
    }
    if let Some(tar) = tar {
        let archive = layout.archive().map_err(of_eif)?;
        let mut file = fs::File::create_new(tar).map_err(|e| Failure::file(tar, &e))?;
        at(tar, file.write_all(&archive))?;
    }
    let programs: BTreeMap<_, _> = layout.crates.iter().map(|(path, list)| (path.clone(), listed(list))).collect();
    let value = serde_json::json!({
        "oci": out.join("oci"), "tar": tar, "entries": layout.entries,
        "kernel_version": layout.kernel_version, "crates": programs,
    });
    output.show(&value, |_| {
        let mut lines = vec![format!(
            "{} entries in the OCI layout {} (tag latest); kernel {}",
            layout.entries,
            out.join("oci").display(),
            layout.kernel_version
        )];
        lines.extend(programs.iter().map(|(path, count)| format!("{} lists {count} crates", path.escape_debug())));
        lines.join("\n")
    });
    Ok(())
}

fn listed(list: &serde_json::Value) -> usize {
    list["packages"].as_array().map_or(0, Vec::len)
}

fn read(path: &Path, most: u64) -> Result<Vec<u8>, Failure> {
    if fs::metadata(path).map_err(|e| Failure::file(path, &e))?.len() > most {
        return Err(argument(&format!("{} is too long", path.display()), "check that it is the file you mean"));
    }
    fs::read(path).map_err(|e| Failure::file(path, &e))
}

fn read_image(path: &Path) -> Result<(Image, usize), Failure> {
    let bytes = read(path, IMAGE_BYTES as u64)?;
    Ok((Image::parse(&bytes).map_err(of_eif)?, bytes.len()))
}

/// A PKCS#8 key, PEM or DER, and its certificate in PEM.
fn signing_key(key: &Path, certificate: &Path) -> Result<SigningKey, Failure> {
    let key = zeroize::Zeroizing::new(read(key, TEXT_BYTES)?);
    let text = std::str::from_utf8(&key).ok().filter(|text| text.contains("-----BEGIN"));
    let der = match text {
        None => key.clone(),
        Some(text) => {
            let body: String = text.lines().filter(|line| !line.starts_with("-----")).map(str::trim).collect();
            let body = zeroize::Zeroizing::new(body);
            let der = STANDARD.decode(body.as_bytes());
            zeroize::Zeroizing::new(der.map_err(|_| argument("the key is no PEM", "give a PKCS#8 key, PEM or DER"))?)
        }
    };
    SigningKey::new(&der, &read(certificate, TEXT_BYTES)?).map_err(of_eif)
}

fn argument(what: &str, next: &str) -> Failure {
    Failure::new("cli.argument", what, next)
}

fn of_eif(error: EifError) -> Failure {
    let next = match &error {
        EifError::Certificate(_) => "give a P-384 key in PKCS#8 (openssl genpkey) and its certificate in PEM",
        EifError::Unsigned => "ask its publisher for a signed image, or sign it: ringi eif sign",
        EifError::Kernel => "give a bzImage: scripts/kernel.sh prints the path of ours",
        _ => "do not use this image; fetch it again from its publisher",
    };
    Failure::new(error.code(), error, next)
}

/// What an image is. Everything that `pcrs` does not cover is only said.
#[derive(Serialize)]
struct Shown {
    pcrs: BTreeMap<String, String>,
    signed: bool,
    bytes: usize,
    cmdline: String,
    ramdisks: usize,
    kernel_version: String,
    name: String,
    version: String,
}

impl Shown {
    fn of(image: &Image, bytes: usize) -> Result<Shown, Failure> {
        let Measurements { image: whole, boot, application, signer } = image.measure().map_err(of_eif)?;
        let registers = [
            (PcrIndex::IMAGE, Some(whole)),
            (PcrIndex::BOOT, Some(boot)),
            (PcrIndex::APPLICATION, Some(application)),
            (PcrIndex::SIGNER, signer),
        ];
        let hex = |(index, value): (PcrIndex, Option<Pcr>)| Some((index.to_string(), value?.hex()));
        let metadata: Option<Metadata> = serde_json::from_slice(&image.metadata).ok();
        let (name, version) = metadata.map(|m| (m.image_name, m.image_version)).unwrap_or_default();
        Ok(Shown {
            pcrs: registers.into_iter().filter_map(hex).collect(),
            signed: image.is_signed(),
            bytes,
            cmdline: image.cmdline.clone(),
            ramdisks: image.ramdisks.len(),
            kernel_version: ringi_eif::kernel_version(&image.kernel).unwrap_or_default(),
            name,
            version,
        })
    }

    fn text(&self) -> String {
        let mut lines: Vec<_> = self.pcrs.iter().map(|(index, value)| format!("{index:<6} {value}")).collect();
        lines.push(if self.signed { "signed: see `ringi eif verify`".into() } else { "not signed".to_owned() });
        // Texts of the image are foreign: no control character of theirs reaches a terminal.
        let (name, version) = (self.name.escape_debug(), self.version.escape_debug());
        lines.push(format!("{name} {version}, {} bytes, {} ramdisks", self.bytes, self.ramdisks));
        lines.push(format!("kernel {}: {}", self.kernel_version, self.cmdline.escape_debug()));
        lines.join("\n")
    }
}
