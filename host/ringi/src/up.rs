//! `ringi up`: the platform in one data folder, with its API, until it is told to stop.
//!
//! A folder without genesis becomes a development workspace: its keys lie in `development/`, a starter policy in
//! `policy.toml`. Each step is skipped where it is done already, so that a first run that was cut off goes on. Or, with
//! `found_by = "admins"`, it waits for a genesis that people sign elsewhere: then no key is made here but the cosigners' own.

use crate::callback::desk::CallbackDesk;
use crate::cli::UpArgs;
use crate::failure::{Done, Failure};
use crate::founding;
use crate::keys::SecretKey;
use crate::log;
use crate::output::Output;
use crate::platform::development::Development;
use crate::platform::settings::{self, Founders, Overrides, Settings};
use crate::platform::start::{Hazards, Platform};
use crate::policy::PolicyForm;
use indicatif::{ProgressBar, ProgressStyle};
use ringi_primitives::scheme::Scheme;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};

/// How often, every [`TICK`], the cosigners are looked at before those that are ready go on alone: five seconds.
const READY_TRIES: u32 = 42;
/// The policy of a new development workspace: one person, one vault, nothing permitted but transfers to the allow-list.
const STARTER: &str = include_str!("up/starter.toml");
/// How often the progress line moves.
const TICK: Duration = Duration::from_millis(120);

/// Starts the platform and serves the API until SIGINT or SIGTERM.
///
/// # Errors
/// If the folder is in use or damaged, a program is missing, or the address is taken.
pub async fn up(args: UpArgs, output: Output) -> Done {
    up_among(args, output, Hazards::default()).await
}

/// The same among these hazards.
///
/// # Errors
/// As [`up`].
pub async fn up_among(args: UpArgs, output: Output, hazards: Hazards) -> Done {
    std::fs::create_dir_all(&args.data).map_err(|e| Failure::file(&args.data, &e))?;
    let overrides = Overrides {
        listen: args.listen,
        cosigner: args.cosigner,
        enclave: args.enclave,
        found_by: args.found_by,
        machines: args.machines,
        log: args.log,
    };
    let settings = settings::read(&args.data, overrides)?;
    log::start(&args.data.join("log.json"), &settings.log)?;
    let listener = TcpListener::bind(&settings.listen).await.map_err(|e| {
        let next = "choose another address with --listen, or stop what listens there";
        Failure::new("cli.listen", format!("{}: {e}", settings.listen), next)
    })?;
    let config = crate::access::config(&args.data, &settings.access)?;
    let approvers = CallbackDesk::open(&args.data, &settings.approvers)?;
    let platform = Platform::start_among(&args.data, &settings, hazards).await?;
    let service = platform.service.clone();
    let asking = approvers.map(|desk| tokio::spawn(desk.run(service)));
    let served = serve(&args.data, &settings, &platform, (listener, config), output).await;
    if let Some(asking) = asking {
        asking.abort();
    }
    platform.stop().await;
    served
}

async fn serve(
    folder: &Path,
    settings: &Settings,
    platform: &Platform,
    (listener, config): (TcpListener, ringi_gateway::Config),
    output: Output,
) -> Done {
    let stop = stop_signal()?;
    tokio::pin!(stop);
    let form = tokio::select! {
        prepared = prepare(folder, settings, platform, output) => prepared?,
        () = &mut stop => return Ok(()),
    };
    let address = listener.local_addr().map_or(settings.listen.clone(), |address| address.to_string());
    let is_up = serde_json::json!({"url": format!("http://{address}"), "data": folder, "founding": form});
    output.show(&is_up, |_| {
        let data = folder.display();
        let next = match (&form, founding::begun(folder)) {
            (Some(form), _) => format!("it waits for its genesis; {} is what to make it from", form.display()),
            (None, true) => "  ringi status --key KEY".to_string(),
            (None, false) => format!("  ringi status --key {data}/development/initiator.key"),
        };
        let lines = [
            format!("ringi is up on http://{address} with its data in {data}"),
            format!("  export RINGI_URL=http://{address}"),
            next,
            "stop it with Ctrl-C; run the same command to go on".to_string(),
        ];
        lines.join("\n")
    });
    let service = platform.service.clone();
    ringi_gateway::serve(listener, service, config, stop)
        .await
        .map_err(|e| Failure::new("cli.listen", e, "choose another address with --listen"))
}

/// Brings a new folder to a working workspace, or to the form that its admins found one with; does nothing in one that is.
async fn prepare(
    folder: &Path,
    settings: &Settings,
    platform: &Platform,
    output: Output,
) -> Result<Option<PathBuf>, Failure> {
    if settings.found_by == Founders::Admins || founding::begun(folder) {
        return by_admins(folder, settings, platform).await;
    }
    develop(folder, settings, platform, output).await.map(|()| None)
}

/// What the admins make genesis from, while there is none. A folder that was a development workspace's stays one.
async fn by_admins(folder: &Path, settings: &Settings, platform: &Platform) -> Result<Option<PathBuf>, Failure> {
    if !founding::begun(folder) && Development::is_in(folder) {
        let next = "found it in a new folder: whoever has had this one may have its admins' keys";
        return Err(Failure::new("cli.founded", "this folder is a development workspace's", next));
    }
    match platform.service.genesis() {
        Some(_) => Ok(None),
        None => founding::leave_form(folder, platform, settings.threshold).await.map(Some),
    }
}

async fn develop(folder: &Path, settings: &Settings, platform: &Platform, output: Output) -> Done {
    let development = match platform.service.genesis() {
        Some(_) if !Development::genesis_path(folder).exists() => return Ok(()),
        Some(_) => Development::load(folder)?,
        None => {
            step(output, "founding the workspace", Development::found(folder, platform, settings.threshold)).await?
        }
    };
    if platform.service.policy().is_none() {
        let form = starter(folder, settings)?;
        step(output, "installing the starter policy", development.install_policy(platform, &form)).await?;
    }
    development.give_roles(platform, crate::platform::development::People::Ours).await?;
    for scheme in missing_keys(platform).await {
        let what = format!("generating the {} key in all cosigners", scheme.name());
        step(output, &what, development.generate_key(platform, scheme)).await?;
    }
    Ok(())
}

/// The keys of a development workspace that were never made: known when all cosigners are ready, for a key that is there must
/// not be ordered again, nor one that was lost and comes back from its kits (rule K3). One that is away must not keep the others from serving; without its grant they may wait for a
/// resume (rule B1).
async fn missing_keys(platform: &Platform) -> Vec<Scheme> {
    for _ in 0..READY_TRIES {
        let cosigners = platform.service.cosigners();
        if cosigners.iter().all(|c| c.ready) {
            let held = |scheme: &Scheme| cosigners.iter().flat_map(|c| &c.keys).any(|k| k.starts_with(scheme.name()));
            let certified = platform.service.certified();
            let made = |scheme: &Scheme| held(scheme) || certified.iter().any(|key| key.scheme == *scheme);
            return [Scheme::EcdsaSecp256k1, Scheme::Bip340].into_iter().filter(|scheme| !made(scheme)).collect();
        }
        tokio::time::sleep(TICK).await;
    }
    for waits in platform.service.cosigners().iter().filter(|c| !c.ready) {
        let state = if waits.connected { "waits for its peers" } else { "is away" };
        let why = waits.refusal.as_ref().map(|code| format!(" ({code})")).unwrap_or_default();
        eprintln!("warning: cosigner {} {state}{why}; look at log.json and at `ringi status`", waits.index);
    }
    Vec::new()
}

/// Long work, with its progress for people; whoever reads JSON waits for the one value.
async fn step<T>(output: Output, what: &str, work: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
    if output == Output::Json {
        return work.await;
    }
    let style = ProgressStyle::with_template("{spinner} {msg} ({elapsed})").unwrap_or(ProgressStyle::default_spinner());
    let line = ProgressBar::new_spinner().with_style(style).with_message(what.to_string());
    line.enable_steady_tick(TICK);
    let done = work.await;
    line.finish_and_clear();
    println!("{what}: {} in {:.1} s", if done.is_ok() { "done" } else { "failed" }, line.elapsed().as_secs_f64());
    done
}

/// The starter policy for the configured chains; kept in the folder, so that its owner can go on from it.
fn starter(folder: &Path, settings: &Settings) -> Result<PolicyForm, Failure> {
    let initiator: SecretKey = Development::key(folder, "initiator")?;
    let mut text = STARTER.replace("@initiator@", &initiator.public().text());
    let evm = settings.evm.iter().map(|e| (format!("eip155:{}", e.chain_id), format!("native-{}", e.chain_id), 18));
    let bitcoin = settings.bitcoin.iter().map(|b| (b.network.to_string(), "btc".to_string(), 8));
    let chains: Vec<(String, String, u8)> = evm.chain(bitcoin).collect();
    let names: Vec<String> = chains.iter().map(|(network, ..)| format!("\"{network}\"")).collect();
    text = text.replace("@networks@", &names.join(", "));
    for (network, asset, decimals) in &chains {
        text.push_str(&format!("\n[[assets]]\nid = \"{asset}\"\nnetwork = \"{network}\"\ndecimals = {decimals}\n"));
    }
    let path = folder.join("policy.toml");
    if !path.exists() {
        std::fs::write(&path, &text).map_err(|e| Failure::file(&path, &e))?;
    }
    crate::form::read(&path)
}

/// Ready at Ctrl-C, or when the process is asked to end.
pub(crate) fn stop_signal() -> Result<impl Future<Output = ()>, Failure> {
    let broken = |e: std::io::Error| Failure::new("cli.signal", e, "report this");
    let mut interrupt = signal(SignalKind::interrupt()).map_err(broken)?;
    let mut terminate = signal(SignalKind::terminate()).map_err(broken)?;
    Ok(async move {
        tokio::select! {
            _ = interrupt.recv() => (),
            _ = terminate.recv() => (),
        }
    })
}
