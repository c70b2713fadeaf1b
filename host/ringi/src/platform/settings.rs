//! What the platform runs with: flags, then `RINGI_*`, then `ringi.toml` in the data folder. Unknown keys are refused.

use super::records::RecordSettings;
use crate::failure::Failure;
use ringi_primitives::network::NetworkId;
use serde::Deserialize;
use std::fmt;
use std::path::{Path, PathBuf};

/// The file's name in the data folder.
pub const FILE: &str = "ringi.toml";
/// Environment variables that are read; any other that begins with `RINGI_` is refused.
pub const VARIABLES: [&str; 9] = [
    "RINGI_DATA",
    "RINGI_LISTEN",
    "RINGI_COSIGNER",
    "RINGI_ENCLAVE",
    "RINGI_IMAGE",
    "RINGI_QEMU",
    "RINGI_VSOCK",
    "RINGI_LOG",
    "RINGI_URL",
];
/// Variables of the project's scripts and tests, which a shell may have set.
const OF_SCRIPTS: [&str; 4] = ["RINGI_CACHE", "RINGI_SIMULATION", "RINGI_SKIP_QEMU", "RINGI_NITRO_DOCUMENTS"];

/// What the cosigners of this machine run in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum EnclaveKind {
    /// A process whose sealing key lies in its folder: nothing is attested.
    #[default]
    Plain,
    /// A process under an emulated security module, its key from the built-in key server: the attested path, without
    /// hardware that would make it worth more.
    Process,
    /// The real image in an emulated machine; see `[qemu]`.
    Qemu,
    /// The real image in an AWS Nitro enclave; see `[nitro]`. Not yet run on AWS.
    Nitro,
}

/// Who founds the workspace of a new folder.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum Founders {
    /// Whoever runs it: every admin's key is made and kept in the data folder. Never for real money.
    #[default]
    Development,
    /// People whose keys are elsewhere; docs/production.md.
    Admins,
}

/// What emulated machines are made of; `scripts/` makes each.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct QemuSettings {
    /// A simulation build of the image: RINGI_SIMULATION=1 scripts/image.sh.
    pub image: PathBuf,
    /// QEMU 11: scripts/qemu.sh prints it.
    pub qemu: PathBuf,
    /// vhost-device-vsock: scripts/vhost-vsock.sh prints it.
    pub vsock: PathBuf,
    /// Memory of each machine, MiB.
    #[serde(default = "machine_memory")]
    pub memory_mib: u32,
}

impl Default for QemuSettings {
    fn default() -> QemuSettings {
        let (image, qemu, vsock) = Default::default();
        QemuSettings { image, qemu, vsock, memory_mib: machine_memory() }
    }
}

fn machine_memory() -> u32 {
    512
}

/// What each AWS Nitro enclave is given.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NitroSettings {
    /// A release build of the image: scripts/image.sh.
    pub image: PathBuf,
    /// CPUs of the pool; whole cores, so an even number where a core has two.
    #[serde(default = "whole_core")]
    pub cpus: u32,
    /// Memory, MiB; an even number, at least four times the image.
    #[serde(default = "machine_memory")]
    pub memory_mib: u32,
}

impl Default for NitroSettings {
    fn default() -> NitroSettings {
        NitroSettings { image: PathBuf::default(), cpus: whole_core(), memory_mib: machine_memory() }
    }
}

fn whole_core() -> u32 {
    2
}

/// The settings in force.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// Where the API listens.
    pub listen: String,
    /// The cosigner program.
    pub cosigner: PathBuf,
    /// What they run in; must be what genesis says once there is one.
    pub enclave: EnclaveKind,
    /// Who founds its workspace.
    pub found_by: Founders,
    /// Emulated machines, for `enclave = "qemu"`.
    pub qemu: Option<QemuSettings>,
    /// Nitro enclaves, for `enclave = "nitro"`.
    pub nitro: Option<NitroSettings>,
    /// A bucket for sealed records, instead of the data folder.
    pub records: Option<RecordSettings>,
    /// Cosigners of this machine; must be genesis' number once there is one.
    pub cosigners: u8,
    /// Signers needed, for the first genesis.
    pub threshold: u8,
    /// What is logged, as `tracing` filters.
    pub log: String,
    /// EVM chains.
    pub evm: Vec<EvmSettings>,
    /// Bitcoin without a node: a file of coins.
    pub bitcoin: Option<BitcoinSettings>,
    /// Who may ask the API for what.
    pub access: AccessSettings,
    /// Machine approvers that are asked about every transfer that waits for approvals.
    pub approvers: Vec<ApproverSettings>,
}

/// A machine approver; docs/callback.md says what it is asked and may answer.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ApproverSettings {
    /// Who approves there: a person of the policy set, by id or name.
    pub person: String,
    /// Where it listens: `https`, or `http` to an address of this machine.
    pub url: String,
    /// A certificate, PEM, beside the public roots; relative to the data folder.
    pub root: Option<PathBuf>,
}

/// The API's own door; docs/access.md says what may stand in the policies.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AccessSettings {
    /// Access policies beside the built-in ones, in Cedar; `access.cedar` of the data folder, where that is there.
    pub policies: Option<PathBuf>,
    /// Addresses and networks of proxies whose `X-Forwarded-For` is believed.
    pub proxies: Vec<String>,
}

/// A node of an EVM chain.
#[derive(Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EvmSettings {
    /// Where it listens; may hold a secret.
    pub url: String,
    /// The chain it must be on.
    pub chain_id: u64,
    /// After how many blocks a transaction or deposit is final.
    #[serde(default = "twelve")]
    pub confirmations: u64,
    /// How often it is asked for a new block.
    #[serde(default = "two_seconds")]
    pub poll_ms: u64,
}

impl fmt::Debug for EvmSettings {
    /// Without the address, whose path or user part may be a key.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let EvmSettings { chain_id, confirmations, poll_ms, .. } = self;
        f.debug_struct("EvmSettings")
            .field("chain_id", chain_id)
            .field("confirmations", confirmations)
            .field("poll_ms", poll_ms)
            .finish_non_exhaustive()
    }
}

/// A file of coins.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BitcoinSettings {
    /// The network's name, `bitcoin:regtest` and so on.
    pub network: NetworkId,
    /// Fee rate of a new file, satoshi per 1,000 virtual bytes.
    #[serde(default = "two_thousand")]
    pub sat_per_kvb: u64,
}

fn twelve() -> u64 {
    12
}

fn two_seconds() -> u64 {
    2_000
}

fn two_thousand() -> u64 {
    2_000
}

impl Default for Settings {
    fn default() -> Settings {
        Settings {
            listen: "127.0.0.1:7420".into(),
            cosigner: "target/enclave/release/ringi-cosigner".into(),
            enclave: EnclaveKind::Plain,
            found_by: Founders::Development,
            qemu: None,
            nitro: None,
            records: None,
            cosigners: 3,
            threshold: 2,
            log: "info".into(),
            evm: vec![],
            bitcoin: None,
            access: AccessSettings::default(),
            approvers: vec![],
        }
    }
}

/// What flags and `RINGI_*` say; absent means "ask the file".
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Overrides {
    /// Where the API listens.
    pub listen: Option<String>,
    /// The cosigner program.
    pub cosigner: Option<PathBuf>,
    /// What the cosigners run in.
    pub enclave: Option<EnclaveKind>,
    /// Who founds the workspace.
    pub found_by: Option<Founders>,
    /// The parts of emulated machines.
    pub machines: Machines,
    /// What is logged.
    pub log: Option<String>,
}

/// The parts of emulated machines, as flags and environment name them.
#[derive(Clone, Debug, Default, PartialEq, Eq, clap::Args)]
pub struct Machines {
    /// The enclave image: a simulation build for --enclave qemu, a release for --enclave nitro.
    #[arg(long, env = "RINGI_IMAGE")]
    pub image: Option<PathBuf>,
    /// QEMU 11, for --enclave qemu.
    #[arg(long, env = "RINGI_QEMU")]
    pub qemu: Option<PathBuf>,
    /// vhost-device-vsock, for --enclave qemu.
    #[arg(long, env = "RINGI_VSOCK")]
    pub vsock: Option<PathBuf>,
}

/// Reads the file of a data folder, if there is one, and lays flags and environment over it.
///
/// # Errors
/// If the file has an unknown key, or an unknown `RINGI_*` variable is set.
pub fn read(folder: &Path, overrides: Overrides) -> Result<Settings, Failure> {
    check_variables(std::env::vars_os().filter_map(|(name, _)| name.into_string().ok()))?;
    let path = folder.join(FILE);
    let mut settings = if path.exists() { crate::form::read(&path)? } else { Settings::default() };
    settings.listen = overrides.listen.unwrap_or(settings.listen);
    settings.cosigner = overrides.cosigner.unwrap_or(settings.cosigner);
    settings.enclave = overrides.enclave.unwrap_or(settings.enclave);
    settings.found_by = overrides.found_by.unwrap_or(settings.found_by);
    let Machines { mut image, qemu, vsock } = overrides.machines;
    if settings.enclave == EnclaveKind::Nitro
        && let Some(image) = image.take()
    {
        settings.nitro.get_or_insert_default().image = image;
    }
    if image.is_some() || qemu.is_some() || vsock.is_some() {
        let machines = settings.qemu.get_or_insert_with(QemuSettings::default);
        for (kept, flag) in [(&mut machines.image, image), (&mut machines.qemu, qemu), (&mut machines.vsock, vsock)] {
            *kept = flag.unwrap_or(std::mem::take(kept));
        }
    }
    settings.log = overrides.log.unwrap_or(settings.log);
    Ok(settings)
}

fn check_variables(names: impl Iterator<Item = String>) -> Result<(), Failure> {
    match names
        .filter(|n| n.starts_with("RINGI_"))
        .find(|n| !VARIABLES.contains(&n.as_str()) && !OF_SCRIPTS.contains(&n.as_str()))
    {
        None => Ok(()),
        Some(unknown) => {
            let next = format!("unset it, or use one of {}", VARIABLES.join(", "));
            Err(Failure::new("cli.unknown_setting", format!("{unknown} is no setting"), next))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flags_go_before_the_file_and_unknown_keys_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        let write = |text: &str| std::fs::write(folder.path().join(FILE), text).unwrap();
        assert_eq!(read(folder.path(), Overrides::default()).unwrap(), Settings::default());
        write(
            "listen = \"127.0.0.1:1\"\nlog = \"debug\"\n[[evm]]\nurl = \"http://127.0.0.1:8545\"\nchain_id = 31337\n",
        );
        let flags = Overrides { listen: Some("127.0.0.1:2".into()), ..Overrides::default() };
        let settings = read(folder.path(), flags).unwrap();
        assert_eq!((settings.listen.as_str(), settings.log.as_str()), ("127.0.0.1:2", "debug"));
        assert_eq!(settings.evm[0].confirmations, 12);
        for bad in ["listne = \"x\"\n", "[[evm]]\nurl = \"x\"\nchain_id = 1\nconfirmation = 2\n", "cosigners = \"3\"\n"]
        {
            write(bad);
            assert_eq!(read(folder.path(), Overrides::default()).unwrap_err().code, "cli.form", "{bad}");
        }
    }

    #[test]
    fn an_image_is_of_the_enclaves_that_are_started() {
        let folder = tempfile::tempdir().unwrap();
        let with = |enclave| Overrides {
            enclave: Some(enclave),
            machines: Machines { image: Some("flag.eif".into()), ..Machines::default() },
            ..Overrides::default()
        };
        let settings = read(folder.path(), with(EnclaveKind::Nitro)).unwrap();
        let wanted = NitroSettings { image: "flag.eif".into(), cpus: 2, memory_mib: 512 };
        assert_eq!((settings.nitro, settings.qemu), (Some(wanted), None));
        let settings = read(folder.path(), with(EnclaveKind::Qemu)).unwrap();
        assert!(settings.nitro.is_none() && settings.qemu.unwrap().image == Path::new("flag.eif"));
        let file = "enclave = \"nitro\"\n[nitro]\nimage = \"file.eif\"\ncpus = 4\n";
        std::fs::write(folder.path().join(FILE), file).unwrap();
        let wanted = NitroSettings { image: "file.eif".into(), cpus: 4, memory_mib: 512 };
        assert_eq!(read(folder.path(), Overrides::default()).unwrap().nitro, Some(wanted));
    }

    #[test]
    fn unknown_variables_are_refused() {
        let names = |name: &str| check_variables([name.to_string()].into_iter());
        assert!(names("RINGI_LISTEN").is_ok() && names("PATH").is_ok());
        assert_eq!(names("RINGI_LISTNE").unwrap_err().code, "cli.unknown_setting");
    }

    #[test]
    fn a_node_s_address_is_not_shown() {
        let text = "[[evm]]\nurl = \"https://node.example/secret-key\"\nchain_id = 1\n";
        let settings: Settings = toml::from_str(text).unwrap();
        let shown = format!("{settings:?}");
        assert!(shown.contains("chain_id: 1") && !shown.contains("secret"), "{shown}");
    }
}
